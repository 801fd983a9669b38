// Semantic versions (semver.org 2.0.0) and the ranges people write for them: "^1.2", "~1.4",
// ">=1.2 <2", "1.x", "1.2 - 1.4", joined by space or comma (and) and by "||" (or). The meaning is
// that of Masterminds/semver 3, which Helm and Flux use: a pre-release matches only where the range
// names one itself.
#ifndef BASE_SEMVER_H
#define BASE_SEMVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct semver {
    uint64_t major;
    uint64_t minor;
    uint64_t patch;
    char *prerelease; // owned; "" when there is none
    char *build;      // owned; "" when there is none; counts in no comparison
};

// As tags are written: an optional "v", and minor and patch may be absent. ERROR_INVALID.
int semver_parse(const char *text, struct semver *ret_version, struct error *err)
    __attribute__((warn_unused_result));
// Exactly what semver.org allows.
int semver_parse_strict(const char *text, struct semver *ret_version, struct error *err)
    __attribute__((warn_unused_result));
void semver_release(struct semver *version); // may be called twice
#define cleanup_semver __attribute__((cleanup(semver_release)))

// Precedence: < 0, 0 or > 0.
int semver_compare(const struct semver *a, const struct semver *b);
// "1.2.3-rc.1+build"; owned.
char *semver_format(const struct semver *version);

struct semver_range;
// "" is every release. ERROR_INVALID.
int semver_range_parse(const char *text, struct semver_range **ret_range, struct error *err)
    __attribute__((warn_unused_result));
void semver_range_free(struct semver_range *range); // NULL is fine
void cleanup_semver_range_pointer(struct semver_range **range);
#define cleanup_semver_range __attribute__((cleanup(cleanup_semver_range_pointer)))

// Lets pre-releases match ranges that name none.
void semver_range_include_prereleases(struct semver_range *range);
bool semver_range_allows(const struct semver_range *range, const struct semver *version);

#endif
