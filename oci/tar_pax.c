// Pax extended headers: "<length> <keyword>=<value>\n" records. Only the path counts here; times,
// owners and extended attributes are passed over; everything else could make two readers see two
// archives, and is refused.
#include "base/memory.h"
#include "oci/tar_internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_passed_over(const char *key, size_t length)
{
    static const char *const keys[] = {"atime", "ctime", "mtime", "uid",
                                       "gid",   "uname", "gname", "comment"};
    static const char *const prefixes[] = {"SCHILY.xattr.", "LIBARCHIVE.xattr.",
                                           "LIBARCHIVE.creationtime"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        if (strlen(keys[i]) == length && memcmp(keys[i], key, length) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++)
        if (length >= strlen(prefixes[i]) && memcmp(prefixes[i], key, strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static int take_path(const char *value, size_t size, bool global, char **path, struct error *err)
{
    if (global)
        return error_set(err, ERROR_INVALID, "a global pax header names a path");
    if (*path != NULL)
        return error_set(err, ERROR_INVALID, "an entry is given two names");
    if (size > TAR_MAX_PATH + 2)
        return error_set(err, ERROR_LIMIT, "a path has %zu bytes; the limit is %d", size,
                         TAR_MAX_PATH);
    if (memchr(value, '\0', size) != NULL)
        return error_set(err, ERROR_INVALID, "a path holds a NUL");
    *path = xstrndup(value, size);
    return 0;
}

// The decimal length at the start of a record; 0 when there is none that lies within size.
static size_t record_length(const char *record, size_t size, size_t *ret_digits)
{
    size_t length = 0, digits = 0;
    while (digits < size && record[digits] >= '0' && record[digits] <= '9' && length <= size)
        length = length * 10 + (size_t)(record[digits++] - '0');
    *ret_digits = digits;
    if (digits == 0 || digits == size || record[digits] != ' ' || length > size ||
        length < digits + 2 || record[length - 1] != '\n')
        return 0;
    return length;
}

int tar_pax_parse(const char *records, size_t size, bool global, char **path, struct error *err)
{
    while (size > 0) {
        size_t digits;
        size_t length = record_length(records, size, &digits);
        const char *key = records + digits + 1;
        const char *equals = length > 0 ? memchr(key, '=', length - digits - 1) : NULL;
        if (equals == NULL || equals == key)
            return error_set(err, ERROR_INVALID, "a pax header is malformed");
        size_t key_length = (size_t)(equals - key);
        const char *value = equals + 1;
        size_t value_size = (size_t)(records + length - 1 - value);
        if (key_length == 4 && memcmp(key, "path", 4) == 0) {
            if (take_path(value, value_size, global, path, err) < 0)
                return -1;
        } else if (!is_passed_over(key, key_length)) {
            return error_set(err, ERROR_INVALID, "a pax header sets \"%.*s\"",
                             (int)(key_length > 60 ? 60 : key_length), key);
        }
        records += length;
        size -= length;
    }
    return 0;
}
