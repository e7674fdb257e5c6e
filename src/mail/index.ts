export { type Mail, MailError, readMails } from './mail';
export { diffstat, type Hunk, type PatchedFile, touchedFunctions } from './patch';
export { type Proposal, proposalIn } from './proposal';
