#include "oci/sign/dsse.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/json_proto.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

void dsse_envelope_release(struct dsse_envelope *envelope)
{
    free(envelope->payload_type);
    free(envelope->payload);
    free(envelope->signature);
    *envelope = (struct dsse_envelope){0};
}

char *dsse_pae(const char *type, const void *body, size_t size, size_t *ret_size)
{
    struct strbuf out;
    strbuf_init(&out, size + strlen(type) + 64);
    strbuf_addf(&out, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
    strbuf_add(&out, body, size);
    *ret_size = out.len;
    return strbuf_steal(&out);
}

int dsse_sign(const struct sign_key *key, const char *type, const void *payload, size_t size,
              struct dsse_envelope *ret_envelope, struct error *err)
{
    size_t pae_size = 0;
    cleanup_free char *pae = dsse_pae(type, payload, size, &pae_size);
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    if (sign_key_sign(key, pae, pae_size, &envelope.signature, &envelope.signature_size, err) < 0)
        return -1;
    envelope.payload_type = xstrdup(type);
    envelope.payload = xmemdup(payload, size);
    envelope.payload_size = size;
    *ret_envelope = envelope;
    envelope = (struct dsse_envelope){0};
    return 0;
}

int dsse_verify(const struct dsse_envelope *envelope, const struct verify_key *key,
                struct error *err)
{
    size_t pae_size = 0;
    cleanup_free char *pae =
        dsse_pae(envelope->payload_type, envelope->payload, envelope->payload_size, &pae_size);
    return verify_key_check(key, pae, pae_size, envelope->signature, envelope->signature_size, err);
}

static int parse_bytes(const json_t *object, const char *name, unsigned char **ret_data,
                       size_t *ret_size, struct error *err)
{
    struct bytes bytes = {0};
    if (json_proto_bytes(object, name, &bytes, err) < 0)
        return -1;
    *ret_data = bytes.data;
    *ret_size = bytes.size;
    return 0;
}

static int parse_signature(const json_t *signatures, struct dsse_envelope *envelope,
                           struct error *err)
{
    static const char *const names[] = {"sig", "keyid", NULL};
    if (!json_is_array(signatures) || json_array_size(signatures) != 1)
        return error_set(err, ERROR_INVALID, "signatures has not exactly one entry");
    const json_t *signature = json_array_get(signatures, 0);
    const json_t *keyid = json_object_get(signature, "keyid");
    if (json_strict_members(signature, "signatures[0]", names, err) < 0)
        return -1;
    if (keyid != NULL && !json_is_string(keyid) && !json_is_null(keyid))
        return error_set(err, ERROR_INVALID, "keyid is no text");
    return parse_bytes(signature, "sig", &envelope->signature, &envelope->signature_size, err);
}

int dsse_parse(const json_t *value, struct dsse_envelope *ret_envelope, struct error *err)
{
    static const char *const names[] = {"payload", "payloadType", "signatures", NULL};
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    const char *type = NULL;
    if (json_strict_members(value, "the DSSE envelope", names, err) < 0)
        return -1;
    if (json_strict_string(value, "payloadType", &type, err) < 0 ||
        parse_bytes(value, "payload", &envelope.payload, &envelope.payload_size, err) < 0 ||
        parse_signature(json_object_get(value, "signatures"), &envelope, err) < 0)
        return error_wrap(err, "the DSSE envelope");
    envelope.payload_type = xstrdup(type);
    *ret_envelope = envelope;
    envelope = (struct dsse_envelope){0};
    return 0;
}

json_t *dsse_json(const struct dsse_envelope *envelope)
{
    cleanup_free char *payload = base64_encode(envelope->payload, envelope->payload_size);
    cleanup_free char *signature = base64_encode(envelope->signature, envelope->signature_size);
    json_t *value = json_pack("{s:s, s:s, s:[{s:s}]}", "payload", payload, "payloadType",
                              envelope->payload_type, "signatures", "sig", signature);
    if (value == NULL)
        abort();
    return value;
}
