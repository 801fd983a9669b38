#include "fake_certs.h"

#include "base/memory.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
    if (!ok)
        abort();
}

void fake_cert_release(struct fake_cert *cert)
{
    free(cert->cert_pem);
    free(cert->key_pem);
    *cert = (struct fake_cert){0};
}

static char *bio_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = xstrndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(cert, extension, -1));
    X509_EXTENSION_free(extension);
}

static X509 *read_cert(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    must(cert != NULL);
    return cert;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    must(key != NULL);
    return key;
}

static X509 *new_cert(const char *name, EVP_PKEY *key)
{
    X509 *cert = X509_new();
    must(cert != NULL && X509_set_version(cert, 2));
    uint32_t serial = 0;
    must(RAND_bytes((unsigned char *)&serial, sizeof serial) == 1);
    must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial));
    X509_gmtime_adj(X509_getm_notBefore(cert), -300);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    must(X509_set_pubkey(cert, key));
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                    (const unsigned char *)name, -1, -1, 0));
    return cert;
}

static void write_cert(X509 *cert, EVP_PKEY *key, struct fake_cert *ret_cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_X509(bio, cert));
    ret_cert->cert_pem = bio_text(bio);
    bio = BIO_new(BIO_s_mem());
    must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    ret_cert->key_pem = bio_text(bio);
}

void fake_ca_make(const char *name, struct fake_cert *ret_ca)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL);
    X509 *cert = new_cert(name, key);
    must(X509_set_issuer_name(cert, X509_get_subject_name(cert)));
    add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(cert, cert, NID_subject_key_identifier, "hash");
    must(X509_sign(cert, key, EVP_sha256()) > 0);
    write_cert(cert, key, ret_ca);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void fake_cert_make(const struct fake_cert *ca, const char *name, const char *alt_names,
                    struct fake_cert *ret_cert)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL);
    X509 *issuer = read_cert(ca->cert_pem);
    EVP_PKEY *issuer_key = read_key(ca->key_pem);
    X509 *cert = new_cert(name, key);
    must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)));
    add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
    add_extension(cert, issuer, NID_ext_key_usage, alt_names != NULL ? "serverAuth" : "clientAuth");
    if (alt_names != NULL)
        add_extension(cert, issuer, NID_subject_alt_name, alt_names);
    must(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    write_cert(cert, key, ret_cert);
    X509_free(cert);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(key);
}
