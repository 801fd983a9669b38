#include "base/kube/kube_decoder_internal.h"

#include "base/jval.h"

#include <string.h>

// A buffer that one large object filled is not kept for the small ones.
static const size_t KEPT_BYTES = 64 * 1024;

void kube_decoder_init(struct kube_decoder *decoder, size_t max_event_bytes,
                       int (*on_event)(void *arg, const char *type, const json_t *object,
                                       struct error *err),
                       void *arg)
{
    strbuf_init(&decoder->line, max_event_bytes);
    decoder->on_event = on_event;
    decoder->arg = arg;
}

void kube_decoder_release(struct kube_decoder *decoder)
{
    strbuf_release(&decoder->line);
}

void kube_decoder_reset(struct kube_decoder *decoder)
{
    size_t max = decoder->line.max;
    if (decoder->line.cap > KEPT_BYTES) {
        strbuf_release(&decoder->line);
        strbuf_init(&decoder->line, max);
    }
    strbuf_reset(&decoder->line);
}

static int decode(struct kube_decoder *decoder, const char *line, size_t size, struct error *err)
{
    while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == ' '))
        size--;
    if (size == 0)
        return 0;
    cleanup_json json_t *event = NULL;
    cleanup_error struct error parse = {0};
    if (jval_parse_object(line, size, "event", &event, &parse) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "the watch sent something that is no event: %s",
                         error_message(&parse));
    const char *type = jval_string(event, "type");
    const json_t *object = jval_object(event, "object");
    if (type == NULL || object == NULL)
        return error_set(err, ERROR_UNAVAILABLE, "the watch sent an event without type or object");
    return decoder->on_event(decoder->arg, type, object, err);
}

static int too_large(const struct kube_decoder *decoder, struct error *err)
{
    return error_set(err, ERROR_LIMIT,
                     "an object in the watch is larger than the limit of %zu bytes",
                     decoder->line.max);
}

int kube_decoder_feed(struct kube_decoder *decoder, const void *data, size_t size,
                      struct error *err)
{
    const char *at = data;
    while (size > 0) {
        const char *end = memchr(at, '\n', size);
        size_t length = end != NULL ? (size_t)(end - at) : size;
        bool whole = end != NULL && decoder->line.len == 0;
        if (whole ? length > decoder->line.max : strbuf_add(&decoder->line, at, length) < 0)
            return too_large(decoder, err);
        if (end == NULL)
            return 0;
        int result = whole ? decode(decoder, at, length, err)
                           : decode(decoder, decoder->line.data, decoder->line.len, err);
        if (result < 0)
            return -1;
        if (!whole)
            kube_decoder_reset(decoder);
        at = end + 1;
        size -= length + 1;
    }
    return 0;
}
