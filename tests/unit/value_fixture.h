// Values from JSON texts, for tests.
#ifndef TESTS_VALUE_FIXTURE_H
#define TESTS_VALUE_FIXTURE_H

#include "base/jval.h"
#include "base/value.h"

// Owned; NULL for what is no JSON.
static inline struct value *value_from_text(const char *text)
{
    cleanup_json json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    return value_from_json(json);
}

#endif
