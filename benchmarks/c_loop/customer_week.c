/* The customer's week in plain C: adopt, visit and choose, experience, lapse and recommend.
 *
 * The rules are those of agents/customer.py, marketplace/adoption.py, marketplace/search.py and
 * marketplace/experience.py, on the same columns, in double precision, with the same keyed draws (Philox4x32-10;
 * Salmon, Moraes, Dror & Shaw 2011). One thread; no intrinsics, no hints. See DECLARATION.md.
 */
#include "search.h"

int64_t world_size(void) { return (int64_t)sizeof(struct world); }

static double integrated(double hazard) { return hazard < 1.0 ? -log1p(-hazard) : INFINITY; }

static double hazard_of_joining(const struct world *w, double neighbours)
{
    if (neighbours == 0.0)
        return w->p;
    double stay = w->q < 1.0 && w->referral < 1.0 ? log1p(-w->q) + log1p(-w->referral) : -INFINITY;
    return 1.0 - (1.0 - w->p) * exp(neighbours * stay);
}

static int channel_of(const struct world *w, double u, double reached)
{
    double advertising = w->p, word = reached * w->q, told = reached * w->referral;
    if (!w->well_mixed) {
        advertising = integrated(w->p);
        word = reached * integrated(w->q);
        told = reached * integrated(w->referral);
    }
    double mark = u * (advertising + word + told);
    if (mark < advertising)
        return ADVERTISING;
    return mark < advertising + word ? WORD_OF_MOUTH : REFERRAL;
}

static void adopt_one(struct world *w, int64_t row, int64_t week, int64_t *joined_now)
{
    struct uniforms u = draw(w->seed, JOIN, w->key[row], (uint32_t)week);
    double appeal = 1.0;
    if (w->status[row] == LAPSED)
        appeal = w->win_back * best_satisfaction(w, row, w->felt_visits) / w->launch;
    double reached = w->well_mixed ? 1.0 : (double)(w->indptr[row + 1] - w->indptr[row]);
    if (u.w0 >= appeal * (w->p + reached * (w->q + w->referral))) /* more than the hazard can be */
        return;
    reached = w->advocates;
    if (!w->well_mixed) {
        reached = 0.0;
        for (int64_t k = w->indptr[row]; k < w->indptr[row + 1]; k++)
            reached += w->recommends[w->indices[k]];
    }
    double hazard = least(1.0, w->p + reached * (w->q + w->referral));
    if (!w->well_mixed)
        hazard = hazard_of_joining(w, reached);
    if (u.w0 >= least(1.0, appeal * hazard))
        return;
    if (w->status[row] == LAPSED) {
        joined_now[CHANNELS]++;
    } else {
        w->joined[row] = (int32_t)week;
        w->channel[row] = (int8_t)channel_of(w, u.w1, reached);
        joined_now[w->channel[row]]++;
    }
    w->status[row] = ACTIVE;
}

static void strengthen_tie(struct world *w, int64_t row, int32_t offer)
{
    int32_t *tie_offer = w->tie_offer + row * w->ties;
    double *tie_weight = w->tie_weight + row * w->ties;
    int32_t seller = w->offer_seller[offer];
    int64_t slot = -1, empty = -1, weakest = 0;
    for (int64_t k = 0; k < w->ties; k++) {
        if (tie_offer[k] < 0) {
            empty = k;
            break;
        }
        tie_weight[k] *= 1.0 - w->tie_decay;
        if (w->offer_seller[tie_offer[k]] == seller)
            slot = k;
        if (tie_weight[k] < tie_weight[weakest])
            weakest = k;
    }
    if (slot < 0) {
        slot = empty >= 0 ? empty : weakest;
        tie_weight[slot] = 0.0;
    }
    tie_offer[slot] = offer;
    tie_weight[slot] += w->tie_gain * (1.0 - tie_weight[slot]);
}

static void experience_one(struct world *w, int64_t slot, int64_t week, int64_t *order, int64_t *repeats)
{
    int64_t row = w->visit_customer[slot], m = w->visit_platform[slot];
    double penalty = 0.0;
    if (w->visit_offer[slot] >= 0) {
        int64_t o = (*order)++;
        if (w->outcome[o] == STOCKOUT)
            penalty = w->stockout_penalty;
        else
            penalty = (w->late[o] ? w->late_penalty : 0.0) + (w->returned[o] ? w->return_penalty : 0.0);
        penalty *= w->kept_share[m];
        if (w->outcome[o] == DELIVERED) {
            if (w->orders[row] > 0)
                ++*repeats;
            w->orders[row]++;
            w->last_order[row] = (int32_t)week;
            w->quarters[row] |= 1;
            if (!w->returned[o] && w->tie_gain > 0.0)
                strengthen_tie(w, row, w->visit_offer[slot]);
        }
    }
    double worth = 1.0 / (1.0 + exp((w->reference[m] - w->visit_inclusive[slot]) / w->score_width));
    double felt = most(0.0, worth - penalty);
    double *satisfaction = w->satisfaction + row * w->platforms + m;
    *satisfaction += w->learning * (felt - *satisfaction);
}

static double lapse_hazard(const struct world *w, double satisfaction)
{
    double launch = 1.0 - w->launch_satisfaction;
    if (launch <= 0.0)
        return 0.0;
    double growth = 1.0 + w->lapse_response * ((1.0 - satisfaction) / launch - 1.0);
    return least(1.0, most(0.0, w->lapse_rate * growth));
}

static void lapse_one(struct world *w, int64_t row, int64_t week, int64_t *counts, double *sums)
{
    struct uniforms u = draw(w->seed, LAPSE, w->key[row], (uint32_t)week);
    if (u.w0 < lapse_hazard(w, best_satisfaction(w, row, w->felt_visits))) {
        w->status[row] = LAPSED;
        w->recommends[row] = 0;
        counts[0]++;
        return;
    }
    double told = best_satisfaction(w, row, w->felt_adoption);
    double points = w->recommend_intercept + w->recommend_slope * told + w->leniency[row];
    points = floor(least(10.0, most(0.0, points)) + 0.5);
    w->recommends[row] = points >= 9.0 || w->everyone_recommends;
    counts[1] += points >= 9.0;
    counts[2] += points <= 6.0;
    counts[3]++;
    for (int64_t m = 0; m < w->platforms; m++)
        sums[m] += w->satisfaction[row * w->platforms + m];
}

void customer_week(struct world *w, int64_t week)
{
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t end = (b + 1) * w->block < w->customers ? (b + 1) * w->block : w->customers;
        int64_t *joined_now = w->joined_now + b * (CHANNELS + 1);
        for (int64_t c = 0; c <= CHANNELS; c++)
            joined_now[c] = 0;
        for (int64_t row = b * w->block; row < end; row++)
            if (w->status[row] != ACTIVE)
                adopt_one(w, row, week, joined_now);
    }
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t end = (b + 1) * w->block < w->customers ? (b + 1) * w->block : w->customers;
        int64_t first = b * w->block * w->searches_each, slot = first, bought = 0;
        for (int64_t row = b * w->block; row < end; row++)
            if (w->status[row] == ACTIVE)
                slot = visit_one(w, row, week, slot, &bought);
        w->visit_filled[b] = slot - first;
        w->visit_bought[b] = bought;
    }
    int64_t order = 0;
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t first = b * w->block * w->searches_each;
        w->repeats[b] = 0;
        for (int64_t slot = first; slot < first + w->visit_filled[b]; slot++)
            experience_one(w, slot, week, &order, w->repeats + b);
    }
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t end = (b + 1) * w->block < w->customers ? (b + 1) * w->block : w->customers;
        int64_t *counts = w->lapse_counts + 4 * b;
        double *sums = w->satisfaction_sums + w->platforms * b;
        for (int64_t c = 0; c < 4; c++)
            counts[c] = 0;
        for (int64_t m = 0; m < w->platforms; m++)
            sums[m] = 0.0;
        for (int64_t row = b * w->block; row < end; row++)
            if (w->status[row] == ACTIVE)
                lapse_one(w, row, week, counts, sums);
    }
}
