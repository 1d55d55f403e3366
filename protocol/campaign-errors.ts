/** The errors that are of campaigns alone; `errors.ts` has them all. */
import { entry } from './error-entry.ts'

export const campaignErrors = {
  campaign_state: entry({
    status: 409,
    title: 'The campaign is not in a state for that',
    help: 'reason is its state. Drafts are changed and launched, launched ones take drops, pauses and an end.',
    reasons: ['draft', 'scheduled', 'live', 'paused', 'ended'],
  }),
  player_limit: entry({
    status: 409,
    title: 'You have won all that this campaign gives one player',
    help: 'Others may still win here. Your wins of before stay yours.',
  }),
  campaign_refused: entry({
    status: 422,
    title: 'The campaign breaks a rule',
    help:
      'area_…: rings are closed, outer ones counter-clockwise, cut at the antimeridian, in your verified area. ' +
      'schedule_…: see the limits. too_late: the last minute has begun. coupons_expire: before the campaign ends. ' +
      'holds_coupons: there is no money in it to add to; upload more coupons. The others: as they say.',
    reasons: [
      'area_open',
      'area_vertices',
      'area_crossing',
      'area_clockwise',
      'area_antimeridian',
      'area_polar',
      'area_too_large',
      'area_outside',
      'schedule_empty',
      'schedule_past',
      'schedule_too_far',
      'schedule_too_long',
      'end_not_later',
      'too_late',
      'budget_too_large',
      'zone_unknown',
      'window_empty',
      'currency_unknown',
      'text_refused',
      'pool_unknown',
      'pool_void',
      'coupons_expire',
      'holds_coupons',
    ],
  }),
  drop_refused: entry({
    status: 422,
    title: 'The drop cannot be made like that',
    help:
      'points_refused: errors[] names each point that lies outside, in an exclusion area or too near another. ' +
      'too_many_cells: take coarser ones. too_many_drops: wait until one is live. coupons_short: upload more. The ' +
      'others: as they say.',
    reasons: [
      'no_room',
      'spacing_impossible',
      'too_many_cells',
      'points_refused',
      'upload_unknown',
      'too_many_drops',
      'too_expensive',
      'shares_exceed_total',
      'pool_unknown',
      'pool_void',
      'coupons_expire',
      'coupons_short',
    ],
  }),
  upload_refused: entry({
    status: 422,
    title: 'The file cannot be read',
    help:
      'rows_refused: errors[] names row or feature, column and reason, up to 100 of them. columns: the header names ' +
      'one lat and one lng. file_cut: its end is missing. The others: as they say.',
    reasons: [
      'not_utf8',
      'columns',
      'file_cut',
      'not_geojson',
      'no_points',
      'too_many_points',
      'rows_refused',
    ],
  }),
} as const
