// Variables for what is rendered, as a Bundle's spec.render.substitute gives them.
#ifndef CLI_SUBSTITUTION_H
#define CLI_SUBSTITUTION_H

#include <jansson.h>

#include "base/error.h"
#include "cli/command.h"

#define SUBSTITUTION_OPTIONS                                                                       \
    {"substitute", 0, OPTION_LIST, "NAME=VALUE", "put VALUE for ${NAME}; may be repeated", NULL},  \
        {"substitute-from",                                                                        \
         0,                                                                                        \
         OPTION_LIST,                                                                              \
         "FILE",                                                                                   \
         "and the entries of the ConfigMaps and Secrets in FILE, a path of the repository",        \
         NULL},                                                                                    \
    {                                                                                              \
        "substitute-unset", 0, OPTION_FLAG, NULL, "leave variables empty that have no value", NULL \
    }

// The flags on top of `base` (as in a Bundle; NULL = nothing): what --substitute names wins, and
// files come behind those of the base. *ret_substitute is owned, NULL where nothing is to be put
// anywhere. ERROR_INVALID names the flag.
int substitution_read(const struct cli *cli, const json_t *base, json_t **ret_substitute,
                      struct error *err) __attribute__((warn_unused_result));

#endif
