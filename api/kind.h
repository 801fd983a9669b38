// The kinds and their rules, all from one table of fields per kind (api/fields.h): what a field is,
// whether it is required, its default, its bounds, and the sentence for whoever gets it wrong.
#ifndef API_KIND_H
#define API_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

// Static; any thread.
struct kind {
    const char *name;   // "Bundle"
    const char *plural; // "bundles"
    const char *api_version;
    bool namespaced;
    bool has_status; // a controller keeps status, generation and conditions for it
};

// By kind ("Bundle"), any case, singular or plural, as people type it. NULL when there is none.
const struct kind *kind_find(const char *name);
// All kinds by index, ours first; NULL past the last.
const struct kind *kind_at(size_t index);

// Appends one sentence (char *) to ret_problems for each rule that the object breaks; returns how
// many. A sentence names the object and the field and says what to write: 'Bundle shop/web:
// spec.interval: "5" is no duration; write it like 10m'.
int api_validate(const json_t *object, struct vec *ret_problems);
// All of them in one ERROR_INVALID, separated by "; ".
int api_check(const json_t *object, struct error *err) __attribute__((warn_unused_result));

// A copy of the object (owned) whose spec has the defaults of its kind, and whose metadata has a
// namespace where its kind needs one.
json_t *api_with_defaults(const json_t *object);

// The reference of one kind in Markdown: every field with type, default, rules and an example.
// ERROR_INVALID for a kind without fields.
int api_reference_markdown(const char *kind, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));
// The whole of docs/api.md.
int api_reference_all(struct strbuf *out, struct error *err) __attribute__((warn_unused_result));

#endif
