// Asks a gateway as a blog does, by unmodified clients: node clients.mjs <base URL> <key>
// Prints a line for each thing that holds, and ends with 1 at the first that does not.
import assert from "node:assert/strict";
import dns from "node:dns";
import {createRequire} from "node:module";
import {Author, Blog, CheckResult, Client, Comment} from "@cedx/akismet";

const [base, key] = process.argv.slice(2);
const {AkismetClient} = createRequire(import.meta.url)("akismet-api");
const blog = "https://blog.example/";

// The older form puts the key into the host's name, so the test needs a domain with a wildcard.
const host = `rejoinder.test:${new URL(base).port}`;
const lookup = dns.lookup;
const here = name => name === "rejoinder.test" || name.endsWith(".rejoinder.test");
dns.lookup = (name, options, done) => lookup(here(name) ? "127.0.0.1" : name, options, done);

const spam = "Buy viagra and cialis, win a casino bonus at https://one.example and https://two.example";
const ham = "The part about the harbour explains what I always wondered about. Thank you!";

let checks = 0;
async function holds(name, actual, expected) {
	assert.deepEqual(await actual, expected, name);
	checks += 1;
	console.log(`ok ${name}`);
}

async function newForm() {
	const author = new Author({ipAddress: "192.0.2.9", name: "Mira", email: "mira@example.org", userAgent: "Browser/1"});
	const comment = fields => new Comment({author, permalink: "https://blog.example/post", type: "comment", ...fields});
	const client = (apiKey, options = {}) => new Client(apiKey, new Blog({url: blog, charset: "UTF-8", languages: ["en"]}), {baseUrl: base, ...options});
	const good = client(key);
	await holds("@cedx/akismet: a good key", good.verifyKey(), true);
	await holds("@cedx/akismet: a bad key", client("wrongwrongwrong").verifyKey(), false);
	await holds("@cedx/akismet: ham", good.checkComment(comment({content: ham})), CheckResult.ham);
	await holds("@cedx/akismet: spam", good.checkComment(comment({content: spam})), CheckResult.spam);
	await holds("@cedx/akismet: blatant spam", good.checkComment(comment({content: "Buy at kazoo.example"})), CheckResult.pervasiveSpam);
	const two = comment({content: "See https://one.example and https://two.example", date: new Date()});
	await holds("@cedx/akismet: what a person should see", good.checkComment(two), CheckResult.ham);
	const trying = client(key, {isTest: true});
	const guaranteed = new Author({ipAddress: "192.0.2.9", email: "akismet-guaranteed-spam@example.com"});
	await holds("@cedx/akismet: guaranteed spam", trying.checkComment(comment({author: guaranteed})), CheckResult.spam);
	const administrator = new Author({ipAddress: "192.0.2.9", role: "administrator"});
	await holds("@cedx/akismet: an administrator", trying.checkComment(comment({author: administrator, content: spam})), CheckResult.ham);
	await holds("@cedx/akismet: a report of spam", good.submitSpam(comment({content: spam})), undefined);
	await holds("@cedx/akismet: a report of ham", good.submitHam(comment({content: ham})), undefined);
	await assert.rejects(client("wrongwrongwrong").submitHam(comment({content: ham})), /key/);
}

async function keyInHost() {
	const client = options => new AkismetClient({key, blog, host, protocol: "http", ...options});
	const comment = {ip: "192.0.2.9", useragent: "Browser/1", name: "Mira", email: "mira@example.org", permalink: "https://blog.example/post", type: "comment"};
	const good = client();
	await holds("akismet-api: a good key", good.verifyKey(), true);
	await holds("akismet-api: a bad key", client({key: "wrongwrongwrong"}).verifyKey(), false);
	await holds("akismet-api: ham", good.checkSpam({...comment, content: ham}), false);
	await holds("akismet-api: spam", good.checkSpam({...comment, content: spam}), true);
	await holds("akismet-api: a honeypot", good.checkSpam({...comment, content: ham, honeypot: "filled"}), true);
	await holds("akismet-api: guaranteed spam", good.checkSpam({...comment, name: "viagra-test-123", isTest: true}), true);
	await holds("akismet-api: an administrator", good.checkSpam({...comment, content: spam, role: "administrator", isTest: true}), false);
	await assert.rejects(client({key: "wrongwrongwrong"}).checkSpam(comment), /Invalid API key/);
	await holds("akismet-api: a report of spam", good.submitSpam({...comment, content: spam}).then(answer => answer.text), "Thanks for making the web a better place.");
	await holds("akismet-api: a report of ham", good.submitHam({...comment, content: ham}).then(answer => answer.text), "Thanks for making the web a better place.");
}

await newForm();
await keyInHost();
// Tests do not count, and neither do reports: four of the one client, three of the other.
const usage = await fetch(`${base}/1.2/usage-limit?api_key=${key}`).then(answer => answer.json());
await holds("usage", usage, {limit: "none", usage: 7, percentage: 0, throttled: false});
console.log(`${checks} hold`);
