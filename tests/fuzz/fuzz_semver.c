// A range, a newline, a version: both come from outside (tags of a repository, fields of objects).
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/semver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    char *newline = strchr(text, '\n');
    if (newline == NULL)
        return 0;
    *newline = '\0';
    cleanup_semver_range struct semver_range *range = NULL;
    cleanup_semver struct semver version = {0};
    if (semver_parse(newline + 1, &version, NULL) == 0) {
        cleanup_free char *formatted = semver_format(&version);
        cleanup_semver struct semver again = {0};
        // The limit on length may refuse the longer form.
        if (strlen(formatted) <= 256 &&
            (semver_parse(formatted, &again, NULL) < 0 || semver_compare(&version, &again) != 0))
            abort();
        if (semver_range_parse(text, &range, NULL) == 0)
            semver_range_allows(range, &version);
    }
    return 0;
}
