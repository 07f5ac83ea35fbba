# The same, built with AddressSanitizer and UndefinedBehaviorSanitizer beside the ordinary build. A box with
# ONEBOX_SANITIZED in its environment loads that build; the server and the extension's script are the ordinary ones.

sanitized_dir() { echo "$(build_dir)-sanitized"; }

build_sanitized() {
    step "Building with sanitizers" compile "$(sanitized_dir)" -DSANITIZE=ON
}

# Found before the installed library and program.
sanitized_settings() {
    cat <<-END
		dynamic_library_path = '$ONEBOX_SANITIZED:\$libdir'
		pg_trickle.lake_command = '$ONEBOX_SANITIZED/lake/trickle-lake'
	END
}

# A program that is not built with them itself takes the runtime of AddressSanitizer before all else, and that looks
# for the C++ library's functions when it is loaded.
sanitizer_preload() { ldd "$ONEBOX_SANITIZED/pg_trickle.so" | awk '/lib(asan|stdc\+\+)\.so/ { printf "%s ", $3 }'; }
