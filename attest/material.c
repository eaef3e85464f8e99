/*
 * Material: files and folders in, views of certificates out.
 */
#include "attest/material.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/crl.h"
#include "attest/input.h"
#include "attest/intake.h"
#include "common/err.h"

#define PATH_CAP 4096

void material_deinit(struct material *material)
{
    for (size_t i = 0; i < material->num_blocks; i++) {
        free(material->blocks[i]);
    }
    *material = (struct material){0};
}

/* Takes `block`. */
static int keep(struct material *material, void *block, struct err *err)
{
    if (block == NULL || material->num_blocks == MATERIAL_BLOCKS_MAX) {
        free(block);
        return err_set(err, ERR_LIMIT, "more than %d files", MATERIAL_FILES_MAX);
    }
    material->blocks[material->num_blocks++] = block;
    return 0;
}

int material_read(struct material *material, const char *path, struct bytes *out_bytes,
                  struct err *err)
{
    uint8_t *data = NULL;
    size_t len = 0;

    if (input_read(path, INTAKE_LEN_MAX, &data, &len, err) != 0 || keep(material, data, err) != 0) {
        return -1;
    }
    *out_bytes = (struct bytes){data, len};
    return 0;
}

static int add(struct material *material, struct bytes cert, struct err *err)
{
    if (material->num_certs == COLLATERAL_CERTS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d certificates", COLLATERAL_CERTS_MAX);
    }
    material->certs[material->num_certs++] = cert;
    return 0;
}

int material_add(struct material *material, const char *path, struct err *err)
{
    struct bytes file;
    struct intake intake;
    struct verdict verdict;
    struct buf storage;

    if (material_read(material, path, &file, err) != 0) {
        return -1;
    }
    storage = buf_over(malloc(file.len + 1), file.len + 1);
    if (keep(material, storage.data, err) != 0) {
        return -1;
    }
    if (!intake_open(file, &storage, &intake, &verdict) || intake.kind != INTAKE_CERTIFICATES ||
        intake.num_documents == 1) {
        return add(material, file, err); /* judged as it is */
    }
    for (size_t i = 0; i < intake.num_documents; i++) {
        if (add(material, intake.documents[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_crl(struct material *material, struct bytes crl, struct err *err)
{
    if (material->num_crls == COLLATERAL_CRLS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d revocation lists", COLLATERAL_CRLS_MAX);
    }
    material->crls[material->num_crls++] = crl;
    return 0;
}

int material_add_crl(struct material *material, const char *path, struct err *err)
{
    struct bytes file;

    return material_read(material, path, &file, err) != 0 ? -1 : add_crl(material, file, err);
}

static int is_collateral(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && (strcmp(entry->d_name + len - 4, ".der") == 0 ||
                       strcmp(entry->d_name + len - 4, ".crl") == 0 ||
                       strcmp(entry->d_name + len - 4, ".pem") == 0);
}

static int add_entry(struct material *material, const char *dir, const char *name, struct err *err)
{
    char path[PATH_CAP];
    struct bytes file;
    struct crl crl;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
        return err_set(err, ERR_INVALID, "%s: path too long", name);
    }
    if (material_read(material, path, &file, err) != 0) {
        return -1;
    }
    if (crl_read(file, &crl) || strcmp(name + strlen(name) - 4, ".crl") == 0) {
        return add_crl(material, file, err);
    }
    return material_add(material, path, err);
}

int material_add_dir(struct material *material, const char *dir, struct err *err)
{
    struct dirent **entries = NULL;
    int num = scandir(dir, &entries, is_collateral, alphasort);
    int rc = 0;

    if (num < 0) {
        return err_set_errno(err, ERR_IO, errno, "%s", dir);
    }
    for (int i = 0; i < num; i++) {
        if (rc == 0) {
            rc = add_entry(material, dir, entries[i]->d_name, err);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}
