#include "base/yamljson.h"

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"

void yamljson_document_release(void *document)
{
    json_decref(((struct yamljson_document *)document)->value);
}

int yamljson_parse_all(const char *text, size_t size, const char *name,
                       const struct yamlvalue_limits *limits, struct vec *ret_documents,
                       struct error *err)
{
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (yamlvalue_parse_all(text, size, name, limits, &documents, err) < 0)
        return -1;
    struct vec converted = YAMLJSON_DOCUMENTS;
    vec_foreach (struct yamlvalue_document, document, &documents) {
        *(struct yamljson_document *)vec_push(&converted) = (struct yamljson_document){
            .value = value_to_json(document->value),
            .line = document->line,
            .start = document->start,
            .end = document->end,
        };
        value_decref(STEAL(document->value));
    }
    *ret_documents = converted;
    return 0;
}

int yamljson_parse(const char *text, size_t size, const char *name, json_t **ret_value,
                   struct error *err)
{
    cleanup_value struct value *value = NULL;
    if (yamlvalue_parse(text, size, name, &value, err) < 0)
        return -1;
    *ret_value = value_to_json(value);
    return 0;
}

int yamljson_write(const json_t *value, struct strbuf *out, struct error *err)
{
    cleanup_value struct value *copy = value_from_json(value);
    return yamlvalue_write(copy, out, err);
}
