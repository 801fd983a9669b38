// The body of a watch: in pieces of any size it means the same as in one.
#include "base/kube/kube_decoder_internal.h"
#include "base/kube/kube_index_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct kube_index index;
    size_t events;
};

static int on_event(void *arg, const char *type, const json_t *object, struct error *err)
{
    struct seen *seen = arg;
    (void)err;
    json_t *old = NULL;
    seen->events++;
    if (*type == 'D')
        kube_index_remove(&seen->index, object);
    else
        kube_index_put(&seen->index, object, &old);
    json_decref(old);
    return 0;
}

static int feed(struct seen *seen, const uint8_t *data, size_t size, size_t piece)
{
    struct kube_decoder decoder;
    kube_decoder_init(&decoder, 4096, on_event, seen);
    int result = 0;
    for (size_t at = 0; at < size && result == 0; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        result = kube_decoder_feed(&decoder, data + at, length, NULL);
    }
    kube_decoder_release(&decoder);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct seen whole = {0};
    struct seen pieces = {0};
    kube_index_init(&whole.index);
    kube_index_init(&pieces.index);
    int a = feed(&whole, data + 1, size - 1, size);
    int b = feed(&pieces, data + 1, size - 1, data[0] % 64 + 1u);
    if (a != b || whole.events != pieces.events ||
        whole.index.entries.len != pieces.index.entries.len)
        abort();
    whole.index.round++;
    size_t cursor = whole.index.entries.len;
    for (json_t *gone; (gone = kube_index_take_unseen(&whole.index, &cursor)) != NULL;)
        json_decref(gone);
    if (whole.index.entries.len != 0)
        abort();
    kube_index_release(&whole.index);
    kube_index_release(&pieces.index);
    return 0;
}
