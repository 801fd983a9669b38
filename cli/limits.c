#include "cli/limits.h"

// Above these an artifact does not fit into what the rest of the program counts with.
static const size_t max_artifact = (size_t)1 << 30;
static const size_t max_unpacked = (size_t)2 << 30;
static const size_t max_files = 1000000;

int limit_read(const struct cli *cli, const char *name, size_t fallback, size_t max, size_t *ret,
               struct error *err)
{
    int64_t number = cli_number(cli, name, (int64_t)fallback);
    if (number < 1 || (uint64_t)number > max)
        return error_set(err, ERROR_INVALID, "--%s is 1 to %zu", name, max);
    *ret = (size_t)number;
    return 0;
}

int limits_read(const struct cli *cli, struct oci_limits *ret_limits, struct error *err)
{
    *ret_limits = oci_default_limits;
    if (limit_read(cli, "max-artifact-bytes", ret_limits->max_compressed, max_artifact,
                   &ret_limits->max_compressed, err) < 0 ||
        limit_read(cli, "max-unpacked-bytes", ret_limits->max_unpacked, max_unpacked,
                   &ret_limits->max_unpacked, err) < 0)
        return -1;
    return limit_read(cli, "max-artifact-files", ret_limits->max_files, max_files,
                      &ret_limits->max_files, err);
}
