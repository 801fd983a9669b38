// What the command line of `serve` says: roles, limits, addresses.
#ifndef CLI_SERVE_OPTIONS_H
#define CLI_SERVE_OPTIONS_H

#include "cli/command.h"
#include "oci/artifact.h"

// What --max-… and their like say.
struct serve_numbers {
    size_t workers;
    size_t hook_bytes;
    size_t repository_bytes;
    size_t cache_bytes;
    size_t memory_bytes;
    struct oci_limits artifact;
};

// ERROR_INVALID for a role that is none, or another value that is not one of its option's.
int serve_check(const struct cli *cli, struct error *err) __attribute__((warn_unused_result));
// ERROR_INVALID names the option.
int serve_read_numbers(const struct cli *cli, struct serve_numbers *ret_numbers, struct error *err)
    __attribute__((warn_unused_result));
bool serve_has_role(const struct cli *cli, const char *role);
bool serve_watches_secrets(const struct cli *cli);
// "host:port", ":port" or "[v6]:port", of --<option>. *ret_host is owned; NULL means all addresses.
int serve_split_address(const char *option, const char *text, char **ret_host, int *ret_port,
                        struct error *err) __attribute__((warn_unused_result));

#endif
