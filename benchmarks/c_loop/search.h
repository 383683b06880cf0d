/* Phase 2: one customer picks a platform, searches its shelf and chooses one offer or none (marketplace/search.py). */
#include "maths.h"
#include "world.h"

static int64_t need_category(const struct world *w, double u)
{
    int64_t low = 0, high = w->categories - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (u < w->category_cdf[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static double need_place(const struct world *w, double u_head, double u_place, double u_spread)
{
    if (u_head < w->head_share) {
        double places = (double)w->popular_places;
        double popular = floor(u_head / w->head_share * places) / places;
        return wrap(popular + w->head_width * (u_place + u_spread - 1.0));
    }
    return u_place;
}

static double appeal_of(const struct world *w, int64_t row, int64_t m)
{
    double felt = least(1.0, w->satisfaction[row * w->platforms + m] * w->felt_visits[m]);
    return exp(w->platform_sensitivity * (felt - 1.0));
}

static int64_t pick_platform(const struct world *w, double u, int64_t row, int64_t avoid)
{
    if (w->platforms == 1)
        return w->closed[0] || avoid == 0 ? -1 : 0;
    double total = 0.0;
    for (int64_t m = 0; m < w->platforms; m++)
        if (!w->closed[m] && m != avoid)
            total += appeal_of(w, row, m);
    if (total == 0.0)
        return -1;
    double mark = u * total;
    int64_t chosen = -1;
    for (int64_t m = 0; m < w->platforms; m++) {
        if (w->closed[m] || m == avoid)
            continue;
        chosen = m;
        mark -= appeal_of(w, row, m);
        if (mark <= 0.0)
            break;
    }
    return chosen;
}

/* The place at a position of a circle that runs on beyond its ends: one turn back below, one on above. */
static double place_at(const struct world *w, int64_t at, int64_t low, int64_t high)
{
    if (at < low)
        return w->place[at + high - low] - 1.0;
    if (at >= high)
        return w->place[at - high + low] + 1.0;
    return w->place[at];
}

/* Put an offer among the best `shown` by score, best first. */
static int64_t rank_in(const struct world *w, int64_t position, double score, int64_t kept, struct considered *top,
                       double *top_score)
{
    int64_t slot;
    if (kept < w->shown)
        slot = kept++;
    else if (score > top_score[w->shown - 1])
        slot = w->shown - 1;
    else
        return kept;
    while (slot > 0 && top_score[slot - 1] < score) {
        top_score[slot] = top_score[slot - 1];
        top[slot].position = top[slot - 1].position;
        slot--;
    }
    top_score[slot] = score;
    top[slot].position = position;
    return kept;
}

/* Find the window of the candidates nearest to the need by bisection, and keep the best ranked of them. */
static int64_t find_shown(const struct world *w, int64_t circle, double heard, struct considered *top,
                          double *top_score)
{
    int64_t low = w->segment[circle], high = w->segment[circle + 1], size = high - low;
    if (size == 0)
        return 0;
    int64_t take = w->candidates < size ? w->candidates : size;
    int64_t right = w->bucket[circle * w->buckets + (int64_t)(heard * (double)w->buckets)];
    while (right < high && w->place[right] < heard)
        right++;
    int64_t first = right - take, last = right;
    while (first < last) {
        int64_t middle = first + (last - first) / 2;
        if (heard - place_at(w, middle, low, high) > place_at(w, middle + take, low, high) - heard)
            first = middle + 1;
        else
            last = middle;
    }
    double weight = w->relevance * w->tau;
    int64_t kept = 0;
    for (int64_t at = right; at < first + take; at++) {
        int64_t position = at >= high ? at - size : at;
        double gap = place_at(w, at, low, high) - heard;
        kept = rank_in(w, position, w->rank[position] - weight * gap, kept, top, top_score);
    }
    for (int64_t at = right - 1; at >= first; at--) {
        int64_t position = at < low ? at + size : at;
        double gap = heard - place_at(w, at, low, high);
        kept = rank_in(w, position, w->rank[position] - weight * gap, kept, top, top_score);
    }
    return kept;
}

static int64_t add_unless_there(struct considered *top, int64_t kept, int64_t position)
{
    for (int64_t j = 0; j < kept; j++)
        if (top[j].position == position)
            return kept;
    top[kept].position = position;
    return kept + 1;
}

/* Position of a recommending friend's strongest tie on the circle, or -1. */
static int64_t friends_favourite(const struct world *w, int64_t who, int64_t low, int64_t high)
{
    int64_t best = -1;
    double weight = 0.0;
    if (!w->recommends[who])
        return -1;
    for (int64_t k = who * w->ties; k < (who + 1) * w->ties; k++) {
        if (w->tie_offer[k] >= 0 && w->tie_weight[k] > weight) {
            int64_t position = w->position[w->tie_offer[k]];
            if (low <= position && position < high) {
                best = position;
                weight = w->tie_weight[k];
            }
        }
    }
    return best;
}

static double tie_with(const struct world *w, int64_t row, int32_t seller)
{
    for (int64_t k = row * w->ties; k < (row + 1) * w->ties && w->tie_offer[k] >= 0; k++)
        if (w->offer_seller[w->tie_offer[k]] == seller)
            return w->tie_weight[k];
    return 0.0;
}

static int64_t consider(const struct world *w, struct uniforms u, int64_t row, int64_t platform, int64_t category,
                        double place, struct considered *top, double *top_score)
{
    int64_t circle = platform * w->categories + category;
    int64_t low = w->segment[circle], high = w->segment[circle + 1];
    double heard = place;
    if (w->noise[platform] > 0.0)
        heard = wrap(place + w->noise[platform] * sqrt(12.0) * (u.w0 - 0.5));
    int64_t kept = find_shown(w, circle, heard, top, top_score);
    int has_ties = w->tie_offer[row * w->ties] >= 0;
    for (int64_t k = row * w->ties; k < (row + 1) * w->ties && w->tie_offer[k] >= 0; k++) {
        int64_t position = w->position[w->tie_offer[k]];
        if (low <= position && position < high)
            kept = add_unless_there(top, kept, position);
    }
    int64_t advised = -1, degree = w->indptr[row + 1] - w->indptr[row];
    if (degree > 0 && u.w1 < w->recommendation_rate) {
        int64_t which_friend = (int64_t)(u.w1 / w->recommendation_rate * (double)degree);
        advised = friends_favourite(w, w->indices[w->indptr[row] + which_friend], low, high);
        if (advised >= 0)
            kept = add_unless_there(top, kept, advised);
    }
    double cost = w->tau * w->felt_mismatch[platform];
    for (int64_t j = 0; j < kept; j++) {
        int64_t at = top[j].position;
        top[j].gap = circle_distance(place, w->place[at]);
        double worth = w->base[at] - w->alpha[row] * w->price[at] - cost * top[j].gap;
        if (has_ties)
            worth += w->tie_bonus * tie_with(w, row, w->seller[at]);
        if (at == advised)
            worth += w->friend_bonus;
        top[j].value = worth / w->mu;
    }
    return kept;
}

static double log_sum(struct considered *top, int64_t kept, double *total)
{
    double peak = -INFINITY;
    for (int64_t j = 0; j < kept; j++)
        if (top[j].value > peak)
            peak = top[j].value;
    *total = 0.0;
    for (int64_t j = 0; j < kept; j++) {
        top[j].value = exponential(top[j].value - peak);
        *total += top[j].value;
    }
    return kept > 0 ? peak + logarithm(*total) : -INFINITY;
}

static double excess(double u, double inside, double outside)
{
    if (inside == -INFINITY)
        return -INFINITY;
    if (outside == -INFINITY)
        return INFINITY;
    return inside - outside + logarithm(u / (1.0 - u));
}

static int64_t which(double u, const struct considered *top, double total, int64_t kept)
{
    double mark = u * total;
    for (int64_t j = 0; j < kept; j++) {
        mark -= top[j].value;
        if (mark <= 0.0)
            return j;
    }
    return kept - 1;
}

static double above_nothing(double inside)
{
    return inside > 0.0 ? inside + logarithm_beside_one(exponential(-inside)) : logarithm_beside_one(exponential(inside));
}

static int visits(double u, double rate) { return u < rate && u < -expm1(-rate); }

static int64_t visit_one(struct world *w, int64_t row, int64_t week, int64_t slot, int64_t *bought)
{
    struct considered top[MOST_CONSIDERED];
    double top_score[MOST_CONSIDERED];
    struct uniforms v = draw(w->seed, VISIT, w->key[row], (uint32_t)week);
    int64_t platform = pick_platform(w, v.w1, row, -1);
    if (platform < 0)
        return slot;
    double felt = least(1.0, w->satisfaction[row * w->platforms + platform] * w->felt_visits[platform]);
    double appeal = 1.0 + w->visit_response * (felt / w->launch_satisfaction - 1.0);
    if (!visits(v.w0, appeal > 0.0 ? w->need_rate[row] * appeal : 0.0))
        return slot;
    struct uniforms n = draw(w->seed, NEED, w->key[row], (uint32_t)week);
    int64_t category = need_category(w, n.w0);
    double place = need_place(w, n.w1, n.w2, n.w3);
    uint32_t decision = SEARCH;
    for (int64_t search = 0; search < w->searches_each; search++) {
        struct uniforms u = draw(w->seed, decision, w->key[row], (uint32_t)week);
        double total;
        int64_t kept = consider(w, u, row, platform, category, place, top, top_score);
        double inside = log_sum(top, kept, &total);
        double margin = excess(u.w2, inside, w->outside / w->mu);
        w->visit_customer[slot] = (int32_t)row;
        w->visit_platform[slot] = (int8_t)platform;
        w->visit_inclusive[slot] = above_nothing(inside);
        w->visit_offer[slot] = -1;
        w->visit_distance[slot] = 0.0;
        w->visit_surplus[slot] = 0.0;
        if (margin > 0.0) {
            int64_t j = which(u.w3, top, total, kept);
            w->visit_offer[slot] = w->row[top[j].position];
            w->visit_distance[slot] = top[j].gap;
            w->visit_surplus[slot] = w->mu * margin * w->level[category] / w->alpha[row];
            ++*bought;
            return slot + 1;
        }
        slot++;
        platform = pick_platform(w, v.w2, row, platform);
        if (platform < 0)
            break;
        decision = ELSEWHERE;
    }
    return slot;
}
