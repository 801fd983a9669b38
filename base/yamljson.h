// YAML to JSON and back, on libyaml's events, as Kubernetes tools read it (YAML 1.1 as
// sigs.k8s.io/yaml and kustomize resolve scalars). Bounded: depth 64, aliases cannot multiply the
// document (the sum of expanded nodes is capped), no duplicate keys, no tags but the core ones, no
// binary, no NUL.
#ifndef BASE_YAMLJSON_H
#define BASE_YAMLJSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct yamljson_limits {
    unsigned max_depth;   // 0 = 64
    size_t max_nodes;     // after aliases are expanded; 0 = 1,000,000
    size_t max_documents; // 0 = 20,000
};

struct yamljson_document {
    json_t *value; // owned; JSON null for an empty document
    size_t line;   // of its first token, from 1
    size_t start;  // byte range in the input, without the separator line
    size_t end;
};
void yamljson_document_release(void *document);
#define YAMLJSON_DOCUMENTS VEC_OF(struct yamljson_document, yamljson_document_release)

// Every document of a stream, in order. A UTF-8 BOM at the start and CRLF are accepted. The error
// names `name`, line, column: "apps/web.yaml:12:3: duplicate key "image"". ERROR_INVALID,
// ERROR_LIMIT.
int yamljson_parse_all(const char *text, size_t size, const char *name,
                       const struct yamljson_limits *limits, struct vec *ret_documents,
                       struct error *err) __attribute__((warn_unused_result));
// Exactly one document. *ret_value is owned.
int yamljson_parse(const char *text, size_t size, const char *name, json_t **ret_value,
                   struct error *err) __attribute__((warn_unused_result));

// Block style as sigs.k8s.io/yaml writes it: sorted keys, two spaces, sequences not indented under
// their key, strings quoted only where another reader would take them for something else. Same
// value, same bytes.
int yamljson_write(const json_t *value, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

// The line of a field given as a dotted path with [n] for sequence items, for messages about a
// value that was parsed before; 0 when it cannot be told.
size_t yamljson_line_of(const char *text, size_t size, size_t document_start, const char *path);

#endif
