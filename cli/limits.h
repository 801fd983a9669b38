// How large an artifact may be: the same options for the daemon and for the commands, because what
// one side packs the other has to unpack.
#ifndef CLI_LIMITS_H
#define CLI_LIMITS_H

#include "cli/command.h"
#include "oci/artifact.h"

#define LIMIT_OPTIONS                                                                              \
    {"max-artifact-bytes", 0, OPTION_NUMBER, "BYTES", "largest artifact (default: 64 MiB)", NULL}, \
        {"max-unpacked-bytes",                                                                     \
         0,                                                                                        \
         OPTION_NUMBER,                                                                            \
         "BYTES",                                                                                  \
         "largest artifact when unpacked (default: 128 MiB)",                                      \
         NULL},                                                                                    \
    {                                                                                              \
        "max-artifact-files", 0, OPTION_NUMBER, "N", "most objects and folders (default: 20,000)", \
            NULL                                                                                   \
    }

// A number option from 1 to max; fallback when it is not given. ERROR_INVALID names the option.
int limit_read(const struct cli *cli, const char *name, size_t fallback, size_t max, size_t *ret,
               struct error *err) __attribute__((warn_unused_result));
// What LIMIT_OPTIONS say; complete. ERROR_INVALID.
int limits_read(const struct cli *cli, struct oci_limits *ret_limits, struct error *err)
    __attribute__((warn_unused_result));

#endif
