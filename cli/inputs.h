// Remote bases of a folder that a person renders, fetched into their own cache.
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <jansson.h>

#include "cli/command.h"
#include "render/render.h"

#define INPUT_OPTIONS                                                                      \
    {"git-credentials",                                                                    \
     0,                                                                                    \
     OPTION_STRING,                                                                        \
     "FILE",                                                                               \
     "logins for remote bases: a line https://USER:PASSWORD@HOST each",                    \
     NULL},                                                                                \
        {"ssh-identity",                                                                   \
         0,                                                                                \
         OPTION_STRING,                                                                    \
         "FILE",                                                                           \
         "private key for remote bases over ssh; hosts are checked by ~/.ssh/known_hosts", \
         NULL},                                                                            \
    {                                                                                      \
        "offline", 0, OPTION_FLAG, NULL,                                                   \
            "take remote bases and files from the cache, as they were fetched last", NULL  \
    }

// render_tree with what the tree needs from elsewhere, kept in $XDG_CACHE_HOME/sealift (default:
// ~/.cache/sealift). Appends {uri, algorithm, digest} for each to `inputs`, an array or NULL.
int inputs_render(const struct cli *cli, struct tree *tree, const char *path,
                  const struct render_options *options, struct render_result *ret_result,
                  json_t *inputs, struct error *err) __attribute__((warn_unused_result));

#endif
