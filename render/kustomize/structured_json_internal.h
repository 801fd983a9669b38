// The JSON half of structured_text.h.
#ifndef RENDER_KUSTOMIZE_STRUCTURED_JSON_INTERNAL_H
#define RENDER_KUSTOMIZE_STRUCTURED_JSON_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "base/yamljson.h"

// `pretty` indents by two blanks a level, from `depth` on.
void go_json_add(struct strbuf *out, const json_t *value, bool pretty, unsigned depth);

#endif
