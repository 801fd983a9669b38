# One interface target carries the language level, the warnings and the hardening of docs/architecture.md.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_library(sealift_flags INTERFACE)
target_include_directories(sealift_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(sealift_flags INTERFACE _GNU_SOURCE SEALIFT_VERSION="${PROJECT_VERSION}")
target_compile_options(sealift_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wvla -Wformat=2
    -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wundef -Wswitch-enum
    -Wimplicit-fallthrough -Wnull-dereference -fno-common -fstack-protector-strong)
if(SEALIFT_WERROR)
    target_compile_options(sealift_flags INTERFACE -Werror)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(sealift_flags INTERFACE -Wlogical-op -Wduplicated-branches)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i.86")
    target_compile_options(sealift_flags INTERFACE -fcf-protection)
endif()
if(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
    target_compile_definitions(sealift_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
target_link_options(sealift_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

if(SEALIFT_SANITIZE)
    target_compile_options(sealift_flags INTERFACE
        -fsanitize=${SEALIFT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(sealift_flags INTERFACE -fsanitize=${SEALIFT_SANITIZE})
    # The instrumented control flow makes gcc see null where there is none.
    target_compile_options(sealift_flags INTERFACE -Wno-null-dereference)
endif()
if(SEALIFT_FUZZ)
    target_compile_options(sealift_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SEALIFT_COVERAGE)
    target_compile_options(sealift_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(sealift_flags INTERFACE --coverage)
endif()
