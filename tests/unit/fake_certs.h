// Certificates made while a test runs: one authority and what it signs. P-256, valid for an hour.
#ifndef TESTS_UNIT_FAKE_CERTS_H
#define TESTS_UNIT_FAKE_CERTS_H

struct fake_cert {
    char *cert_pem; // owned
    char *key_pem;  // owned
};
void fake_cert_release(struct fake_cert *cert);
#define cleanup_fake_cert __attribute__((cleanup(fake_cert_release)))

void fake_ca_make(const char *name, struct fake_cert *ret_ca);
// `alt_names` as openssl's configuration writes them ("IP:127.0.0.1,DNS:localhost"), or NULL for a
// client.
void fake_cert_make(const struct fake_cert *ca, const char *name, const char *alt_names,
                    struct fake_cert *ret_cert);

#endif
