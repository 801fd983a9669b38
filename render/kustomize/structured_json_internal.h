// The JSON half of structured_text.h.
#ifndef RENDER_KUSTOMIZE_STRUCTURED_JSON_INTERNAL_H
#define RENDER_KUSTOMIZE_STRUCTURED_JSON_INTERNAL_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"

// `pretty` indents by two blanks a level, from `depth` on.
void go_json_add(struct strbuf *out, const struct value *value, bool pretty, unsigned depth);

#endif
