// Label selectors in the API's grammar ("app=web,tier in (a, b),!old"), which kustomize applies to
// annotations as well (apimachinery's labels.Parse).
#ifndef RENDER_KUSTOMIZE_LABEL_SELECTOR_H
#define RENDER_KUSTOMIZE_LABEL_SELECTOR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"

struct label_selector {
    struct vec requirements;
};

// "" selects everything. ERROR_INVALID, at most 100 requirements.
int label_selector_parse(const char *text, struct label_selector *ret_selector, struct error *err)
    __attribute__((warn_unused_result));
void label_selector_release(struct label_selector *selector); // may be called twice, and on zeros
#define cleanup_label_selector __attribute__((cleanup(label_selector_release)))

// `labels` is an object, or NULL for none. Values that are no text count as YAML writes them.
bool label_selector_matches(const struct label_selector *selector, const struct value *labels);

#endif
