// How one field's checks become CEL: conditions in the order in which api_validate tries them.
#ifndef API_CRD_INTERNAL_H
#define API_CRD_INTERNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "api/fields.h"
#include "base/vec.h"

// What must hold, in CEL over `self`, and what to say where it does not: a sentence, or a CEL
// expression that works it out. All owned.
struct crd_condition {
    char *holds;
    char *plain;      // NULL when worked out
    char *worked_out; // NULL when plain
};
void crd_condition_release(void *condition);
#define CRD_CONDITIONS VEC_OF(struct crd_condition, crd_condition_release)

// Each takes `holds`.
void crd_add_plain(struct vec *conditions, char *holds, const char *sentence);
// Takes the expression too.
void crd_add_worked_out(struct vec *conditions, char *holds, char *expression);
// The sentence stands behind the value in quotes, cut to 40 or 100 characters.
void crd_add_quoting(struct vec *conditions, char *holds, int max, const char *sentence);

// What a check of api/formats.c asks for. Nothing for NULL. Aborts for a check that has no CEL yet.
void crd_add_format(struct vec *conditions, field_check *check);
// The longest text, in characters, that such a check may be given, so that the cost of its
// expressions stays within the API server's budget; `max` where the check has no bound of its own.
int64_t crd_format_max(field_check *check, int64_t max);

// The validations of a field itself; a new array, empty when there is nothing to check.
json_t *crd_field_rules(const struct kind_table *table, const struct field *field);
// Appends those that stand at `path` because a child must be there, members must fit together, or a
// child's value must not be shown.
void crd_add_member_rules(const struct kind_table *table, const char *path, json_t *rules);
int64_t crd_max_length(const struct field *field);

#endif
