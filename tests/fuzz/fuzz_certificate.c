// The certificate of a keyless signer, and the promises of logs in it.
#include "oci/sign/certificate.h"

#include "oci/sign/public_good_root.h"
#include "oci/sign/trusted_root.h"

#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trusted_root *root;
    if (root == NULL &&
        trusted_root_parse(public_good_root, public_good_root_size, "the root", &root, NULL) < 0)
        abort();
    cleanup_certificate struct certificate *certificate = NULL;
    cleanup_error struct error err = {0};
    X509 *issuer = NULL;
    if (certificate_parse(data, size, &certificate, &err) < 0)
        return 0;
    if (certificate->subject == NULL || certificate->key == NULL)
        abort();
    if (certificate_check_chain(certificate, root, INT64_C(1750000000000), &issuer, &err) == 0)
        X509_free(issuer);
    // Whoever issued it: the list of promises is taken apart either way.
    const struct trusted_authority *authority = vec_at(&root->authorities, 0);
    X509 *any = trusted_authority_certificate(authority, 0);
    if (certificate_check_sct(certificate, any, root, &err) == 0)
        error_release(&err);
    return 0;
}
