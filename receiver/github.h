// GitHub's webhooks, and those of forges that send the same (Gitea, Forgejo).
// https://docs.github.com/en/webhooks: X-Hub-Signature-256 = HMAC-SHA256 of the raw body,
// X-GitHub-Event, X-GitHub-Delivery; the body is JSON, or a form whose `payload` is JSON (the
// signature is then over the form).
#ifndef RECEIVER_GITHUB_H
#define RECEIVER_GITHUB_H

#include "base/error.h"
#include "receiver/sender.h"

extern const struct sender github_sender;

enum github_body { GITHUB_JSON, GITHUB_FORM };

// The JSON text of a body, decoded from a form where it is one. Owned. ERROR_INVALID.
int github_payload(const void *body, size_t size, enum github_body form, json_t **ret_payload,
                   struct error *err) __attribute__((warn_unused_result));

// What a `push` payload says. *ret_ignored is NULL for a push to act on, else why not (static):
// the ref was deleted, or is neither branch nor tag. Members of the wrong type count as absent.
void github_push_read(const json_t *payload, struct hook_delivery *ret_delivery,
                      const char **ret_ignored);

// Both for a whole body.
int github_push_parse(const void *body, size_t size, enum github_body form,
                      struct hook_delivery *ret_delivery, const char **ret_ignored,
                      struct error *err) __attribute__((warn_unused_result));

#endif
