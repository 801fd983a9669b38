#include "api/secret_use.h"

#include "api/object.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct content {
    const char *keys;    // as a sentence names them
    const char *options; // of `sealift create secret`
    const char *hint;    // or ""
};

static const struct content *content_of(enum secret_content content)
{
    static const char login[] = "--from-literal username=USER --from-file password=FILE";
    static const struct content contents[] = {
        [SECRET_GIT_LOGIN] = {"username and password, or bearerToken", login, ""},
        [SECRET_GIT_SSH] = {"identity and known_hosts",
                            "--from-file identity=FILE --from-file known_hosts=FILE", ""},
        [SECRET_REGISTRY_LOGIN] = {"username and password, or .dockerconfigjson", login, ""},
        [SECRET_CERTIFICATES] = {"ca.crt, or tls.crt and tls.key", "--from-file ca.crt=ca.crt", ""},
        [SECRET_PROXY] = {"address", "--from-literal address=http://proxy.example.com:3128", ""},
        [SECRET_SIGNING_KEY] = {"cosign.key, and cosign.password where that is encrypted",
                                "--from-file cosign.key=cosign.key --from-literal "
                                "cosign.password=\"$COSIGN_PASSWORD\"",
                                " (sealift keygen makes cosign.key)"},
        [SECRET_PIN] = {"pkcs11.pin", "--from-file pkcs11.pin=FILE", ""},
        [SECRET_NOTATION] = {"tls.crt, and tls.key where it is not the key that seals",
                             "--from-file tls.crt=tls.crt --from-file tls.key=tls.key", ""},
        [SECRET_PUBLIC_KEY] = {"cosign.pub", "--from-file cosign.pub=cosign.pub", ""},
        [SECRET_TRUSTED_ROOT] = {"trusted_root.json",
                                 "--from-file trusted_root.json=trusted_root.json", ""},
        [SECRET_TRUST_STORE] = {"keys that end in .crt, .cer or .pem", "--from-file ca.crt=ca.crt",
                                ""},
        [SECRET_REVOCATION_LISTS] = {"keys that end in .crl", "--from-file ca.crl=ca.crl", ""},
        [SECRET_HOOK_TOKEN] = {"token", "--from-literal token=\"$(openssl rand -hex 32)\"", ""},
        [SECRET_NOTIFY_TOKEN] = {"token", "--from-file token=FILE",
                                 " (the token of the Hook that is told)"},
        [SECRET_KUBECONFIG] = {"value", "--from-file value=FILE",
                               " (a kubeconfig without programs and paths)"},
    };
    return &contents[content];
}

char *secret_use_command(const struct secret_use *use, const char *namespace, const char *name)
{
    return xasprintf("sealift create secret %s -n %s %s", name, namespace,
                     content_of(use->content)->options);
}

int secret_use_missing(const struct secret_use *use, const char *namespace, const char *name,
                       struct error *err)
{
    const struct content *content = content_of(use->content);
    cleanup_free char *who = object_text(use->object);
    cleanup_free char *command = secret_use_command(use, namespace, name);
    return error_set(err, ERROR_NOT_FOUND,
                     "there is no Secret %s/%s, from which %s of %s takes %s; create it: %s%s",
                     namespace, name, use->field, who, content->keys, command, content->hint);
}

int secret_use_refuse(const struct secret_use *use, const char *namespace, const char *name,
                      const char *lacks, struct error *err)
{
    const struct content *content = content_of(use->content);
    cleanup_free char *who = object_text(use->object);
    cleanup_free char *command = secret_use_command(use, namespace, name);
    cleanup_free char *from =
        lacks != NULL ? xasprintf("; %s of %s takes %s from it", use->field, who, content->keys)
                      : xasprintf(", which %s of %s takes from it", use->field, who);
    return error_set(err, ERROR_INVALID,
                     "Secret %s/%s has no %s%s; write it anew, with all that it is to hold: %s%s",
                     namespace, name, lacks != NULL ? lacks : content->keys, from, command,
                     content->hint);
}
