// A session at the engine with AWS's SDK for JavaScript. Its address, keys and region are the
// environment's; what to call are the stack's outputs, as JSON in the first argument. It prints
// what was answered, as one line of JSON.
import {CloudWatchLogsClient, FilterLogEventsCommand} from '@aws-sdk/client-cloudwatch-logs';
import {DynamoDBClient, GetItemCommand} from '@aws-sdk/client-dynamodb';
import {InvokeCommand, LambdaClient} from '@aws-sdk/client-lambda';
import {GetObjectCommand, PutObjectCommand, S3Client} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand, GetExecutionHistoryCommand, ListExecutionsCommand, SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import {readFileSync} from 'node:fs';

const [outputs, file, key] = [JSON.parse(process.argv[2]), process.argv[3], process.argv[4]];
const s3 = new S3Client({forcePathStyle: true}); // 127.0.0.1 has no subdomains
const sfn = new SFNClient(), dynamodb = new DynamoDBClient();
const lambda = new LambdaClient(), logs = new CloudWatchLogsClient();
const told = {};

const put = await s3.send(new PutObjectCommand({
  Bucket: outputs.SourceBucketName, Key: key, Body: readFileSync(file), ContentType: 'image/jpeg',
}));
told.version = put.VersionId;

const image = {image: {S: `${outputs.SourceBucketName}/${key}`}};
const record = {TableName: outputs.ImagesTableName, Key: image};
for (let look = 0; look < 600; look += 1) { // a minute
  const {Item: item} = await dynamodb.send(new GetItemCommand(record));
  if (item && item.status.S !== 'IN_PROGRESS') {
    told.status = item.status.S;
    told.execution = item.execution.S;
    break;
  }
  await new Promise(resolve => setTimeout(resolve, 100));
}

for (let look = 0; look < 600 && told.ended !== 'SUCCEEDED'; look += 1) {
  const described = await sfn.send(new DescribeExecutionCommand({executionArn: told.execution}));
  told.ended = described.status;
}
const history = await sfn.send(
  new GetExecutionHistoryCommand({executionArn: told.execution, reverseOrder: true, maxResults: 1}),
);
told.last = history.events[0].type;
told.dated = history.events[0].timestamp instanceof Date;
const machine = {stateMachineArn: outputs.StateMachineArn};
const listed = await sfn.send(new ListExecutionsCommand(machine));
told.listed = listed.executions.some(each => each.executionArn === told.execution);
try {
  await sfn.send(new StartExecutionCommand({...machine, input: 'no JSON'}));
} catch (error) {
  told.refused = error.name;
}

const made = await s3.send(
  new GetObjectCommand({Bucket: outputs.OutputBucketName, Key: `${key}/small.jpg`}),
);
told.type = made.ContentType;
told.bytes = (await made.Body.transformToByteArray()).length;

const invoked = await lambda.send(new InvokeCommand({FunctionName: outputs.ResizeFunctionName, Payload: '{}'}));
told.failed = invoked.FunctionError;
const found = await logs.send(new FilterLogEventsCommand({
  logGroupName: `/aws/lambda/${outputs.ResizeFunctionName}`, filterPattern: '{ $.level = "INFO" }',
}));
told.lines = found.events.length > 0 && found.events.every(each => Number.isInteger(each.timestamp));
console.log(JSON.stringify(told));
