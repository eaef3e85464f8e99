/*
 * Environment: small files of the kernel's, and the versions of libraries.
 */
#include "bench/environment.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <uv.h>

#define PATH_CAP 512
#define TEXT_CAP 8192
#define SLAB_BYTES 2048 /* of a swiotlb: IO_TLB_SIZE of the kernel */

/* The first TEXT_CAP - 1 bytes of a file without its last newline; false if it cannot be read. */
static bool read_text(const char *root, const char *path, char out[static TEXT_CAP])
{
    char whole[PATH_CAP];
    FILE *file = NULL;
    size_t len = 0;

    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    file = fopen(whole, "re");
    if (file == NULL) {
        return false;
    }
    len = fread(out, 1, TEXT_CAP - 1, file);
    (void)fclose(file); /* only read from */
    if (len > 0 && out[len - 1] == '\n') {
        len--;
    }
    out[len] = '\0';
    return true;
}

static void set_file(json_t *object, const char *key, const char *root, const char *path)
{
    char text[TEXT_CAP];

    if (read_text(root, path, text)) {
        json_object_set_new(object, key, json_string(text));
    }
}

/* The value of the first "key : value" line; false if there is none. */
static bool find_line(const char *text, const char *key, char out[static TEXT_CAP])
{
    const char *at = strstr(text, key);
    size_t len = 0;

    if (at == NULL || (at > text && at[-1] != '\n')) {
        return false;
    }
    at += strlen(key);
    at += strspn(at, " \t:");
    len = strcspn(at, "\n");
    (void)snprintf(out, TEXT_CAP, "%.*s", (int)len, at);
    return true;
}

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + len, word)) {
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool exists(const char *root, const char *path)
{
    char whole[PATH_CAP];

    (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
    return access(whole, F_OK) == 0;
}

/* The folder `sev` is in SEV-SNP guests alone (Linux 6.11); the flag is on hosts as well. */
static const char *kind_of(const char *root, const char *flags)
{
    bool is_guest = has_word(flags, "hypervisor");

    if (exists(root, "/dev/sev-guest") || exists(root, "/sys/devices/system/cpu/sev") ||
        (is_guest && has_word(flags, "sev_snp"))) {
        return "sev-snp";
    }
    if (exists(root, "/dev/tdx_guest") || has_word(flags, "tdx_guest")) {
        return "tdx";
    }
    return is_guest ? "vm" : "bare-metal";
}

/* The kernel parameters that may move a number; others are nobody's business. */
static json_t *parameters(const char *root)
{
    static const char *const begins[] = {
        "mitigations=", "swiotlb=",     "mem_encrypt=", "spec",  "nosmt",     "isolcpus=",
        "nohz_full=",   "clocksource=", "tsc=",         "idle=", "iommu",     "intel_iommu",
        "amd_iommu",    "hugepages=",   "cpuidle",      "pti=",  "haltpoll.", "preempt="};
    json_t *list = json_array();
    char text[TEXT_CAP];
    char *rest = text;

    if (!read_text(root, "/proc/cmdline", text)) {
        return list;
    }
    while (rest != NULL) {
        const char *word = strsep(&rest, " ");

        for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
            if (strncmp(word, begins[i], strlen(begins[i])) == 0) {
                json_array_append_new(list, json_string(word));
                break;
            }
        }
    }
    return list;
}

static json_t *mitigations(const char *root)
{
    static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
    char path[PATH_CAP];
    json_t *object = json_object();
    DIR *dir = NULL;
    struct dirent *entry = NULL;

    (void)snprintf(path, sizeof(path), "%s%s", root, folder);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            set_file(object, entry->d_name, root, path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return object;
}

/* The pool of bounce buffers, which every packet of a confidential VM passes. */
static void set_swiotlb(json_t *object, const char *root)
{
    char text[TEXT_CAP];

    if (read_text(root, "/sys/kernel/debug/swiotlb/io_tlb_nslabs", text)) {
        json_object_set_new(object, "swiotlb_bytes",
                            json_integer((json_int_t)(strtoull(text, NULL, 10) * SLAB_BYTES)));
    }
}

static void set_cpu(json_t *object, const char *root)
{
    char cpuinfo[TEXT_CAP] = "";
    char text[TEXT_CAP] = "";
    char flags[TEXT_CAP] = "";

    (void)read_text(root, "/proc/cpuinfo", cpuinfo);
    if (find_line(cpuinfo, "model name", text)) {
        json_object_set_new(object, "cpu", json_string(text));
    }
    (void)find_line(cpuinfo, "flags", flags);
    json_object_set_new(object, "kind", json_string(kind_of(root, flags)));
    json_object_set_new(object, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    set_file(object, "governor", root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if (read_text(root, "/proc/self/status", cpuinfo) &&
        find_line(cpuinfo, "Cpus_allowed_list", text)) {
        json_object_set_new(object, "load_on_cpus", json_string(text));
    }
}

static json_t *libraries(void)
{
    return json_pack("{s:s, s:s, s:s}", "openssl", OpenSSL_version(OPENSSL_VERSION), "libuv",
                     uv_version_string(), "libc", gnu_get_libc_version());
}

json_t *environment_read(const char *root)
{
    json_t *object = json_object();
    struct utsname name;

    if (object == NULL) {
        return NULL;
    }
    set_cpu(object, root);
    if (uname(&name) == 0) {
        json_object_set_new(object, "kernel",
                            json_sprintf("%s %s %s", name.sysname, name.release, name.machine));
    }
    json_object_set_new(object, "kernel_parameters", parameters(root));
    json_object_set_new(object, "mitigations", mitigations(root));
    set_swiotlb(object, root);
    set_file(object, "clock_source", root,
             "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    set_file(object, "congestion_control", root, "/proc/sys/net/ipv4/tcp_congestion_control");
    set_file(object, "thp", root, "/sys/kernel/mm/transparent_hugepage/enabled");
    json_object_set_new(object, "libraries", libraries());
    return object;
}
