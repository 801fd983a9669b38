// The body of a watch: JSON objects, one per line, for as long as the connection lives. Bounded by
// the size of one event. Format: WatchEvent {type, object}
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
#ifndef BASE_KUBE_KUBE_DECODER_INTERNAL_H
#define BASE_KUBE_KUBE_DECODER_INTERNAL_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct kube_decoder {
    struct strbuf line; // what came of the current line
    // -1 ends the feeding with its error. `object` is borrowed.
    int (*on_event)(void *arg, const char *type, const json_t *object, struct error *err);
    void *arg;
};

void kube_decoder_init(struct kube_decoder *decoder, size_t max_event_bytes,
                       int (*on_event)(void *arg, const char *type, const json_t *object,
                                       struct error *err),
                       void *arg);
void kube_decoder_release(struct kube_decoder *decoder);
// Forgets the part of a line, for another connection.
void kube_decoder_reset(struct kube_decoder *decoder);
// ERROR_UNAVAILABLE when it is no event, ERROR_LIMIT when one is too large; or on_event's.
int kube_decoder_feed(struct kube_decoder *decoder, const void *data, size_t size,
                      struct error *err) __attribute__((warn_unused_result));

#endif
