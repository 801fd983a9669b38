// Conditions on the values of a predicate that others signed: no expressions, only paths and
// comparisons, each of which ends.
//
// A path is a JSON pointer (RFC 6901): "/scanner/result/critical". A step `*` means each member or
// element, and a text on the way that holds JSON (as cosign wraps custom predicates) is read as
// that. Pure functions.
#ifndef OCI_SIGN_PREDICATE_H
#define OCI_SIGN_PREDICATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { PREDICATE_MAX_DEPTH = 32, PREDICATE_MAX_VALUES = 100000 };

// A predicate type as its short name (cosign's: vuln, slsaprovenance1, …) or as itself. Borrowed
// from `name`, or static.
const char *predicate_type(const char *name);
// Where predicates of the type say when they were made; NULL when that is not known. Static.
const char *predicate_time_path(const char *type);

// Whether text is such a path.
bool predicate_path_is_valid(const char *path);

// Whether it can be judged: {path, and some of exists, equals, notEquals, in, notIn, lessThan,
// atMost, greaterThan, atLeast}. Others' members are refused. ERROR_INVALID.
int predicate_condition_check(const json_t *condition, struct error *err)
    __attribute__((warn_unused_result));
// "/scanner/result/critical atMost 0"; owned.
char *predicate_condition_text(const json_t *condition);
// Whether it holds, with every operator and for every value that the path finds. A path that finds
// nothing fails all but `exists: false`; where it has a `*`, what follows the first may be absent.
// *ret_found says what is there instead; owned, NULL when it holds.
bool predicate_condition_holds(const json_t *condition, const json_t *predicate, char **ret_found);

// The time at the path, in RFC 3339. -1 when there is none.
int predicate_time(const json_t *predicate, const char *path, int64_t *ret_wall_ms);

#endif
