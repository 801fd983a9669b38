# sealift_room(NAME USES room... LINKS library...): one folder, one static target. tests/check holds the
# includes against the same list, so that a room cannot reach what it may not link.
function(sealift_room name)
    cmake_parse_arguments(ROOM "" "" "USES;LINKS" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    list(FILTER sources EXCLUDE REGEX "/cli/main\\.c$")
    if(NOT sources)
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE sealift_flags ${ROOM_USES} ${ROOM_LINKS})
        return()
    endif()
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC sealift_flags ${ROOM_USES} ${ROOM_LINKS} Threads::Threads)
endfunction()
