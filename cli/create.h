// What the commands `create …` share: flags to an object, checked by the same table as every other
// object, and with it what it needs of Kubernetes (cli/grant.h); written to --config or the
// cluster, or printed with --export.
#ifndef CLI_CREATE_H
#define CLI_CREATE_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/print.h"

// --export prints YAML unless --output says otherwise.
#define CREATE_OPTIONS                                                                        \
    {"export", 0, OPTION_FLAG, NULL, "print what would be written instead of writing", NULL}, \
        RESULT_OPTION

// Named by the first argument, in the namespace that was chosen. Owned.
json_t *create_object(const struct cli *cli, const char *kind, bool namespaced);
// Where the values of options go, in an object; ended by NULL.
struct create_field {
    const char *path;
    const char *option;
};
void create_set_fields(const struct cli *cli, json_t *object, const struct create_field *fields);
// Set `path` when the option was given.
void create_set(const struct cli *cli, json_t *object, const char *path, const char *option);
// A flag given as --option is true, as --option=false false.
void create_set_flag(const struct cli *cli, json_t *object, const char *path, const char *option);
void create_set_list(const struct cli *cli, json_t *object, const char *path, const char *option);
// {name: its file name, pem: its text} for each --key; nothing when there is none.
int create_add_keys(const struct cli *cli, json_t *object, const char *path, struct error *err)
    __attribute__((warn_unused_result));

// Before anything is written for it: api_check, and by which option a field that is missing is
// given; and in a cluster whether it has the kind, and answers at all.
int create_check(const struct cli *cli, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));

// Whether what is written goes to a cluster; for --export, whether one is named.
bool create_in_cluster(const struct cli *cli);
// Checks, then prints or writes: first `grants` (an array of Kubernetes' own objects, or NULL; not
// for files), then the object, and tells of each.
int create_finish(const struct cli *cli, const json_t *object, const json_t *grants,
                  struct error *err) __attribute__((warn_unused_result));

#endif
