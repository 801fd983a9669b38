// A push payload after its signature was found good: the first byte chooses JSON or form.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "receiver/github.h"
#include "receiver/pending.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum github_body form = data[0] == 'f' ? GITHUB_FORM : GITHUB_JSON;
    struct hook_delivery delivery = {0};
    const char *ignored = NULL;
    if (github_push_parse(data + 1, size - 1, form, &delivery, &ignored, NULL) < 0)
        return 0;
    if (delivery.commit != NULL)
        require(strlen(delivery.commit) == 40 || strlen(delivery.commit) == 64);
    require(delivery.other_repository == NULL || delivery.repository != NULL);
    // Whatever it says, the entry stays small.
    json_t *status = json_object();
    pending_merge(status, &delivery);
    const json_t *entry = json_array_get(jval_array(status, "pending"), 0);
    require(json_dumpb(entry, NULL, 0, JSON_COMPACT) <= PENDING_MAX_ENTRY_BYTES);
    require(jval_int(entry, "sequence", 0) > 0);
    json_decref(status);
    hook_delivery_release(&delivery);
    return 0;
}
