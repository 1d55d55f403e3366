/**
 * Words that hold a text for a reviewer, by what they make one suspect; data, to be extended. A word proves nothing and
 * rejects nothing. Written in the form that `words.ts` compares: compatible, lower case, Chinese without spaces.
 */
import type { Reason } from './review.ts'

export const wordList: Readonly<Partial<Record<Reason, readonly string[]>>> = {
  vulgar: [
    'fuck',
    'cunt',
    'porn',
    'nude',
    'escort',
    '约炮',
    '裸聊',
    '卖淫',
    '嫖娼',
    '傻逼',
    '操你',
    '色情',
    '一夜情',
  ],
  begging: ['beg for money', 'please donate', '求打赏', '求红包', '跪求', '可怜可怜', '施舍'],
  advert: [
    ...['add me on', 'whatsapp', 'telegram', 'promo code', 'casino', 'cashback', 'onlyfans'],
    ...['加微信', '加我微信', '微信号', '加qq', '扫码领', '刷单', '兼职日结', '代开发票', '网赌', '贷款'],
  ],
  attack: ['kill yourself', 'kys', 'i will kill', 'beat him up', '去死', '弄死', '打死', '人肉', '教训他'],
  stolen: ['stolen', 'serial removed', '赃物', '偷来的', '销赃'],
  private_place: ['his home address', 'her home address', '跟踪', '偷拍', '蹲点', '她家门口', '他家门口'],
  illegal: [
    ...['cocaine', 'heroin', 'mdma', 'fake id', 'gun for sale', 'launder'],
    ...['冰毒', '海洛因', '大麻', '枪支', '假证', '办证', '洗钱', '代考', '银行卡出租'],
  ],
}
