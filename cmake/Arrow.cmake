# Arrow C++ with Parquet as targets trickle::arrow and trickle::parquet: an installed one, else the one that onebox
# unpacked (-DONEBOX_ARROW=<dir with include/ and libarrow.so.*>), whose S3 is a library of its own, trickle::arrow_s3.
# ARROW_RPATH is where they are loaded from, ARROW_S3 whether they can reach S3.

set(ONEBOX_ARROW ${PROJECT_SOURCE_DIR}/.onebox/parts/arrow/pyarrow CACHE PATH "Arrow unpacked by onebox")

find_package(Arrow CONFIG QUIET)
find_package(Parquet CONFIG QUIET)
if(Arrow_FOUND AND Parquet_FOUND)
    add_library(trickle::arrow ALIAS Arrow::arrow_shared)
    add_library(trickle::parquet ALIAS Parquet::parquet_shared)
    message(STATUS "Arrow: ${ARROW_VERSION} (installed)")
    return()
endif()

# That Arrow has no unversioned names to link by; the one version there is, is the one meant.
function(import_arrow name)
    file(GLOB library ${ONEBOX_ARROW}/lib${name}.so.*)
    if(NOT library)
        return()
    endif()
    add_library(trickle::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(trickle::${name} PROPERTIES IMPORTED_LOCATION ${library})
    target_include_directories(trickle::${name} SYSTEM INTERFACE ${ONEBOX_ARROW}/include)
endfunction()

import_arrow(arrow)
import_arrow(parquet)
import_arrow(arrow_s3)
if(TARGET trickle::arrow_s3)
    set(ARROW_S3 ON)
endif()
set(ARROW_RPATH ${ONEBOX_ARROW})
message(STATUS "Arrow: ${ONEBOX_ARROW}")
