/*
 * Tenure: a counted reference that has a place in a small table while it lives.
 */
#include "proxy/tenure.h"

#include <stdlib.h>

struct tenure {
    atomic_size_t refs;
    uint64_t number;
    _Atomic uint64_t *place; /* in the table; NULL: not counted */
};

struct tenure *tenure_new(struct tenures *tenures)
{
    struct tenure *tenure = calloc(1, sizeof(*tenure));

    if (tenure == NULL) {
        return NULL;
    }
    atomic_init(&tenure->refs, 1);
    for (size_t i = 0; tenures != NULL && tenure->place == NULL && i < TENURES_CAP; i++) {
        if (atomic_load(&tenures->live[i]) == 0) {
            tenure->place = &tenures->live[i];
        }
    }
    if (tenures != NULL && tenure->place == NULL) {
        free(tenure);
        return NULL;
    }
    if (tenures != NULL) {
        tenure->number = ++tenures->last;
        atomic_store(tenure->place, tenure->number);
    }
    return tenure;
}

struct tenure *tenure_ref(struct tenure *tenure)
{
    atomic_fetch_add_explicit(&tenure->refs, 1, memory_order_relaxed);
    return tenure;
}

void tenure_unref(struct tenure *tenure)
{
    if (tenure == NULL || atomic_fetch_sub_explicit(&tenure->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (tenure->place != NULL) {
        atomic_store(tenure->place, 0);
    }
    free(tenure);
}

uint64_t tenure_number(const struct tenure *tenure)
{
    return tenure->number;
}

size_t tenures_count(const struct tenures *tenures)
{
    size_t num = 0;

    for (size_t i = 0; i < TENURES_CAP; i++) {
        num += atomic_load(&tenures->live[i]) != 0 ? 1 : 0;
    }
    return num;
}

uint64_t tenures_oldest_of(const struct tenures *tenures, size_t max)
{
    uint64_t numbers[TENURES_CAP]; /* the newest first */
    size_t num = 0;

    for (size_t i = 0; i < TENURES_CAP; i++) {
        uint64_t number = atomic_load(&tenures->live[i]);
        size_t at = num;

        if (number == 0) {
            continue;
        }
        for (; at > 0 && numbers[at - 1] < number; at--) {
            numbers[at] = numbers[at - 1];
        }
        numbers[at] = number;
        num++;
    }
    return num > max ? numbers[max - 1] : 0;
}
