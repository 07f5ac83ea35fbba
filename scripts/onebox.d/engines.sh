# The engines that read a lake through Iceberg, beside DuckDB: fetched when asked for (test --engines, demo --engines), for
# they are large. Spark is PyPI's, Trino and what Spark needs beside it are Maven's, every file by its hash.

get_engines() {
    JAVA_17=$(find_java 17 24) JAVA_25=$(find_java 25)
    [[ -n $JAVA_17 ]] || die "Spark takes Java 17 or 21" "sudo apt-get install --yes openjdk-17-jre-headless, or name it in JAVA_HOME"
    [[ -n $JAVA_25 ]] || die "Trino takes Java 25" "put a JDK 25 below /usr/lib/jvm, or name it in JAVA_HOME"
    have mvn || die "the engines' jars are fetched by Maven" "sudo apt-get install --yes maven"
    if ! cat "$REPO"/parts/spark/{requirements.txt,jars.sha256} | cmp -s - "$PARTS/spark/.lock"; then
        need_space 3000 "$HOME_DIR"
        step "Spark with Iceberg (435 MB, once)" make_part spark make_spark
    fi
    if ! cmp -s "$PARTS/trino/.lock" "$REPO/parts/trino/jars.sha256"; then
        need_space 2000 "$HOME_DIR"
        step "Trino with Iceberg (250 MB, once)" make_part trino make_trino
    fi
    export ONEBOX_PYTHON=$PYTHON ONEBOX_SPARK=$PARTS/spark ONEBOX_TRINO=$PARTS/trino ONEBOX_JAVA_17=$JAVA_17 ONEBOX_JAVA_25=$JAVA_25
}

# find_java FROM [TO]: the home of a Java of these versions.
find_java() {
    local home version
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null) || continue
        if [[ -x $home/bin/java && -n $version ]] && ((version >= $1 && version <= ${2:-$version})); then
            printf '%s' "$home"
            return
        fi
    done
}

# make_part NAME HOW: made beside its place, and moved there when it is whole.
make_part() {
    local part=$PARTS/$1 fresh=$PARTS/$1.fresh
    rm -rf "$fresh"
    mkdir -p "$fresh"
    "$2" "$fresh"
    rm -rf "$part"
    mv "$fresh" "$part"
}

# The archive is unpacked as it is: installing it would build a wheel of the same size first.
make_spark() {
    "$PYTHON" -m pip download --no-deps --no-binary=pyspark --require-hashes --dest "$1/download" -r "$REPO/parts/spark/requirements.txt"
    tar -xzf "$1"/download/pyspark-*.tar.gz -C "$1" --strip-components=1
    "$PYTHON" -m pip install --no-compile --no-deps --target "$1" "$1"/download/py4j-*.whl
    # What setup.py would have put there.
    ln -s ../deps/jars ../deps/bin "$1/pyspark/"
    rm -rf "$1/download"
    get_jars spark "$1/lake"
    cat "$REPO"/parts/spark/{requirements.txt,jars.sha256} >"$1/.lock"
}

make_trino() {
    get_jars trino "$1"
    cp "$REPO/parts/trino/jars.sha256" "$1/.lock"
}

# get_jars NAME DIRECTORY: what parts/NAME/pom.xml says, nothing more and nothing else.
get_jars() {
    mvn -q -B -f "$REPO/parts/$1/pom.xml" -Dmaven.repo.local="$2.repository" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$2"
    rm -rf "$2.repository"
    (cd "$2" && sha256sum --quiet --check "$REPO/parts/$1/jars.sha256" && diff <(ls -- *.jar | sort) <(awk '{ print $2 }' "$REPO/parts/$1/jars.sha256" | sort))
}
