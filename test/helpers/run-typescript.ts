/** What Node is told before a file of the project, in its root, as `npm start` does. */
export const asTypeScript = ['--import', './src/platform/typescript/register.mjs'] as const
