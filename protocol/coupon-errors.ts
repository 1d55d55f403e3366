/** The errors that are of coupons alone; `errors.ts` has them all. */
import { entry } from './error-entry.ts'

export const couponErrors = {
  pool_state: entry({
    status: 409,
    title: 'The coupon pool is not in a state for that',
    help:
      'void, expired: nothing is added to it. full: a pool has a most. in_play: envelopes hold some of its ' +
      'coupons; close their campaigns first, then these coupons are back within seconds.',
    reasons: ['void', 'expired', 'full', 'in_play'],
  }),
  coupon_state: entry({
    status: 409,
    title: 'The coupon is not in a state for that',
    help:
      'void, expired: it is worth nothing any more. redeemed: what was redeemed is not made void. placed: a drop or ' +
      'an envelope has it; close the campaign first.',
    reasons: ['void', 'expired', 'redeemed', 'placed'],
  }),
  already_redeemed: entry({
    status: 409,
    title: 'This coupon was redeemed before',
    help: 'at says when. Give nothing for it again. Who asks again with the same till and key gets the first answer.',
  }),
  coupon_code_mistyped: entry({
    status: 422,
    title: 'This is not the code of a coupon',
    help: 'Its check character does not fit (ISO/IEC 7064, MOD 37-2): a typing error, which a till sees by itself.',
  }),
  pool_refused: entry({
    status: 422,
    title: 'The coupon pool breaks a rule',
    help: 'text_refused: blank, too long or with characters that deceive. expiry_past: it would expire at once.',
    reasons: ['text_refused', 'expiry_past'],
  }),
  coupon_file_refused: entry({
    status: 422,
    title: 'The file of coupons cannot be read to its end',
    help:
      'detail names the row. quote_open, behind_quote: a quote is wrong. too_many_rows: split the file. ' +
      'Rows before that are kept; send the whole file again, those are then duplicates.',
    reasons: ['not_utf8', 'header_missing', 'row_too_long', 'quote_open', 'behind_quote', 'too_many_rows'],
  }),
} as const
