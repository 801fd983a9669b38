// What a strategic merge asks of the API's schema: which lists are joined by which keys. The
// built-in kinds come from a compact table (generate_schema.py), others from OpenAPI documents that
// a kustomization names in `openapi`.
//
// As in kyaml (openapi/openapi.go): a document that is named first takes the table's place, one
// that is named after the table was used is added to it, and only the first counts.
#ifndef RENDER_KUSTOMIZE_SCHEMA_H
#define RENDER_KUSTOMIZE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"

struct schema;

struct schema *schema_new(void);         // owned
void schema_free(struct schema *schema); // NULL is fine
void cleanup_schema_pointer(struct schema **schema);
#define cleanup_schema __attribute__((cleanup(cleanup_schema_pointer)))

// The OpenAPI document (JSON or YAML, v2 form with `definitions`) of `openapi.path`. Without effect
// when the schema was set before. ERROR_INVALID names `name`.
int schema_set_document(struct schema *schema, const char *text, size_t size, const char *name,
                        struct error *err) __attribute__((warn_unused_result));
// `openapi.version`; only v1.21.2 exists. ERROR_INVALID.
int schema_set_version(struct schema *schema, const char *version, struct error *err)
    __attribute__((warn_unused_result));

// Whether a document says by its paths that a kind has no namespace. Kinds that are built in stay
// what they are (scope_is_cluster).
bool schema_says_cluster(const struct schema *schema, const char *api_version, const char *kind);
// Another one behind a document that was set; NULL before, and of NULL.
const struct value *schema_scopes(const struct schema *schema);
// Somebody asked for the scope of an object: kinds that are not built in make kustomize plan to
// read the built-in schema, too, so that a document named later does not take its place.
void schema_ask_scope(struct schema *schema, const char *api_version, const char *kind);

// A place in a schema; passed by value, borrows from it.
struct schema_place {
    enum schema_place_kind {
        SCHEMA_UNKNOWN, // no schema at all: a kind found below brings its own
        SCHEMA_TABLE,
        SCHEMA_DOCUMENT,
    } kind;
    unsigned node;                  // of the table
    const char *const *keys;        // of the table: what this list is joined by, NULL if by nothing
    const struct value *definition; // in the document, references followed
    const struct value *definitions; // the document's
};

// Where objects of a kind begin.
struct schema_place schema_of_kind(struct schema *schema, const char *api_version,
                                   const char *kind);
struct schema_place schema_field(struct schema_place place, const char *field);
struct schema_place schema_elements(struct schema_place place);

enum { SCHEMA_MAX_KEYS = 8 };
// Whether the elements of a list here are joined, and by which members: fills keys (borrowed) and
// *ret_count; 0 = the elements are scalars. Keys beyond SCHEMA_MAX_KEYS are left out.
bool schema_joins_list(struct schema_place place, const char *keys[SCHEMA_MAX_KEYS],
                       size_t *ret_count);

#endif
