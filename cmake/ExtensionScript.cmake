# The extension script is sql/*.sql, one section per area, joined in the order of their names.
# Also run at build time: cmake -DSECTIONS=a;b -DSCRIPT=file -P ExtensionScript.cmake

if(CMAKE_SCRIPT_MODE_FILE)
    file(WRITE ${SCRIPT} "\\echo Use \"CREATE EXTENSION pg_trickle\" to load this file. \\quit\n")
    foreach(section ${SECTIONS})
        file(READ ${section} text)
        file(APPEND ${SCRIPT} "\n${text}")
    endforeach()
    return()
endif()

function(add_extension_script script)
    file(GLOB sections CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sql/*.sql)
    list(SORT sections)
    add_custom_command(OUTPUT ${script}
        COMMAND ${CMAKE_COMMAND} "-DSECTIONS=${sections}" -DSCRIPT=${script} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
        DEPENDS ${sections} ${CMAKE_CURRENT_FUNCTION_LIST_FILE} VERBATIM)
    add_custom_target(extension_script ALL DEPENDS ${script})
endfunction()
