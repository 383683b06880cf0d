/* The columns and scalars a customer's week reads and writes, its keyed draws, and the circle of tastes. */
#include <math.h>
#include <stdint.h>

enum { JOIN = 1, VISIT = 2, NEED = 3, SEARCH = 4, ELSEWHERE = 5, LAPSE = 8 };
enum { ACTIVE = 1, LAPSED = 2 };
enum { ADVERTISING = 2, WORD_OF_MOUTH = 3, REFERRAL = 4, CHANNELS = 5 };
enum { STOCKOUT = 1, DELIVERED = 2 };
enum { MOST_CONSIDERED = 1024 };

/* customer_week.py reads names and types from here: one declaration to a statement, scalars of 64 bits. */
struct world {
    /* the customers' columns; satisfaction is (customers, platforms), ties are (customers, ties) */
    const uint64_t *key;
    int8_t *status, *channel;
    uint8_t *recommends, *quarters;
    int32_t *joined, *last_order, *orders;
    const double *need_rate, *alpha, *leniency;
    double *satisfaction;
    int32_t *tie_offer;
    double *tie_weight;
    const int64_t *indptr; /* social graph, compressed sparse rows */
    const int32_t *indices;
    /* where needs fall */
    const double *category_cdf;
    /* the shelf: offers sorted by platform, category, place */
    const int64_t *segment;
    const int32_t *bucket;
    const double *place, *base, *price, *rank;
    const int32_t *seller, *row, *position;
    const int32_t *offer_seller;
    const double *level;
    /* perception, by platform */
    const double *felt_mismatch, *felt_visits, *felt_adoption, *noise;
    const uint8_t *closed;
    /* the week's visits */
    int32_t *visit_customer;
    int8_t *visit_platform;
    int32_t *visit_offer;
    double *visit_distance, *visit_inclusive, *visit_surplus;
    int64_t *visit_filled, *visit_bought;
    /* what became of the orders, in the sequence of the visits (given) */
    const int8_t *outcome, *late, *returned;
    const double *reference, *kept_share;
    /* counts by block of customers */
    int64_t *joined_now, *repeats, *lapse_counts;
    double *satisfaction_sums;

    uint64_t seed;
    int64_t customers, platforms, ties, categories, popular_places, buckets, block, blocks, searches_each;
    int64_t candidates, shown, well_mixed, everyone_recommends;
    double head_share, head_width;
    double p, q, referral, advocates, win_back, launch;
    double tau, mu, outside, tie_bonus, friend_bonus, platform_sensitivity, recommendation_rate, relevance;
    double launch_satisfaction, visit_response, lapse_rate, lapse_response, learning, score_width;
    double late_penalty, stockout_penalty, return_penalty, recommend_intercept, recommend_slope;
    double tie_gain, tie_decay;
};

struct uniforms {
    double w0, w1, w2, w3;
};

struct considered {
    int64_t position;
    double value, gap;
};

static struct uniforms draw(uint64_t seed, uint32_t decision, uint64_t key, uint32_t week)
{
    uint32_t c0 = (uint32_t)key, c1 = (uint32_t)(key >> 32), c2 = week, c3 = decision;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    const double unit = 0x1p-32;
    struct uniforms u = {((double)c0 + 0.5) * unit, ((double)c1 + 0.5) * unit, ((double)c2 + 0.5) * unit,
                         ((double)c3 + 0.5) * unit};
    return u;
}

static double least(double a, double b) { return a < b ? a : b; }

static double most(double a, double b) { return a > b ? a : b; }

static double wrap(double place)
{
    place -= floor(place);
    return place < 1.0 ? place : 0.0;
}

static double circle_distance(double a, double b)
{
    double gap = fabs(a - b);
    return gap < 1.0 - gap ? gap : 1.0 - gap;
}

static double best_satisfaction(const struct world *w, int64_t row, const double *felt)
{
    double best = 0.0;
    for (int64_t m = 0; m < w->platforms; m++) {
        double s = least(1.0, w->satisfaction[row * w->platforms + m] * felt[m]);
        if (s > best)
            best = s;
    }
    return best;
}
