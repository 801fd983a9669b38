// A predicate, and behind its first line break the condition that it is held to.
#include "oci/sign/predicate.h"

#include "base/jval.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *predicate = NULL;
    cleanup_json json_t *condition = NULL;
    cleanup_free char *text = xstrndup((const char *)data, size);
    size_t first = strcspn(text, "\n");
    if (text[first] == '\0' || jval_parse(text, first, "it", &predicate, NULL) < 0 ||
        jval_parse_object(text + first + 1, strlen(text + first + 1), "it", &condition, NULL) < 0 ||
        predicate_condition_check(condition, NULL) < 0)
        return 0;
    cleanup_free char *words = predicate_condition_text(condition);
    if (words == NULL)
        abort();
    cleanup_free char *found = NULL;
    if (predicate_condition_holds(condition, predicate, &found) != (found == NULL))
        abort();
    int64_t made_ms;
    predicate_time(predicate, jval_string(condition, "path"), &made_ms);
    return 0;
}
