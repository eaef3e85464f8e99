/*
 * Ingredients: putting each route into its place.
 */
#include "proxy/ingredients.h"

/* The route in a place; BERTH_NONE: there is none. */
static size_t route_of(const struct ingredients *from, size_t place)
{
    if (from->change != NULL) {
        return crew_change_route_of(from->change, place);
    }
    if (from->crew != NULL) {
        return crew_route_of(from->crew, place);
    }
    return place < from->rules->num_routes ? place : BERTH_NONE;
}

struct generation *ingredients_mix(const struct ingredients *from, struct err *err)
{
    struct generation_route routes[BERTHS_MAX];
    const struct generation_options options = {
        .number = from->number,
        .identity = from->identity,
        .deny = from->deny,
        .rules = from->rules->rules,
        .num_rules = from->rules->num_rules,
        .routes = routes,
        .num_routes = BERTHS_MAX,
        .num_live = from->num_live,
        .tenures = from->tenures,
        .previous = from->previous,
    };

    for (size_t i = 0; i < BERTHS_MAX; i++) {
        size_t route = route_of(from, i);

        routes[i] = (struct generation_route){.name = NULL};
        if (route != BERTH_NONE) {
            routes[i] = from->rules->routes[route];
        }
    }
    return generation_new(&options, err);
}
