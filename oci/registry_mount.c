// A blob that another repository of the same registry has (distribution-spec 1.1, "Mounting a blob
// from another repository").
#include "base/memory.h"
#include "oci/registry_internal.h"

// The session that the registry opened in place of a mount; nobody will use it. That it stays until
// it runs out does no harm.
static void abandon(struct registry *registry, const char *url, const char *location)
{
    bool elsewhere = true;
    char *session = NULL;
    if (location == NULL ||
        registry_upload_target(registry, url, location, &session, &elsewhere, NULL) < 0)
        return;
    struct registry_call *call = xcalloc(1, sizeof *call);
    registry_call_init(registry, call, "DELETE", session);
    call->elsewhere = elsewhere;
    bool sent = registry_send_all(registry, call, 1, REGISTRY_PUSH, NULL) == 0;
    (void)sent;
    registry_calls_release(call, 1);
}

int registry_mount_blob(struct oci_repository *repository, const char *digest, const char *from,
                        bool *ret_mounted, struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_free char *escaped = url_escape(from);
    struct registry_call *call = xcalloc(1, sizeof *call);
    registry_call_init(registry, call, "POST",
                       registry_url(registry, "blobs/uploads/?mount=%s&from=%s", digest, escaped));
    int result = registry_send_all(registry, call, 1, REGISTRY_PUSH, err);
    if (result == 0 && call->result.error.code != ERROR_NONE)
        result = error_move(err, &call->result.error);
    // Anything but 201 means: send it yourself. What is really wrong shows there.
    const struct http_response *response = &call->result.response;
    if (result == 0) {
        *ret_mounted = response->status == 201;
        if (response->status == 202)
            abandon(registry, call->url, http_headers_get(&response->headers, "Location"));
    }
    registry_calls_release(call, 1);
    return result;
}
