// YAML to jansson's values and back, for who passes them on as JSON: base/yamlvalue.h, which says
// what is read and written how, with a copy behind or before it.
#ifndef BASE_YAMLJSON_H
#define BASE_YAMLJSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct yamljson_document {
    json_t *value; // owned; JSON null for an empty document
    size_t line;   // of its first token, from 1
    size_t start;  // byte range in the input, without the separator line
    size_t end;
};
void yamljson_document_release(void *document);
#define YAMLJSON_DOCUMENTS VEC_OF(struct yamljson_document, yamljson_document_release)

struct yamlvalue_limits;
// As yamlvalue_parse_all; pushes struct yamljson_document.
int yamljson_parse_all(const char *text, size_t size, const char *name,
                       const struct yamlvalue_limits *limits, struct vec *ret_documents,
                       struct error *err) __attribute__((warn_unused_result));
// Exactly one document. *ret_value is owned.
int yamljson_parse(const char *text, size_t size, const char *name, json_t **ret_value,
                   struct error *err) __attribute__((warn_unused_result));

// As yamlvalue_write.
int yamljson_write(const json_t *value, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
